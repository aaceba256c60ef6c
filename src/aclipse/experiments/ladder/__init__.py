"""The ladder of attackers: what each of them heard in each subject's releases, computed once and kept on disk.

``subjects`` who is judged · ``rivals`` beside whom · ``bench`` what every job works on · ``jobs`` release and listen ·
``attacks`` the rungs above · ``outcome`` what was heard · ``plan`` which jobs a level means · ``cost`` how long they
take · ``pool`` who does them and in which order
"""
