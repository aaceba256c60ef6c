"""What studies have in common: corpora in rotations, jobs that each leave a file, who does them, what they cost."""
