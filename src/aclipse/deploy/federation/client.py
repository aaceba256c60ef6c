"""The Flower client: one round of local training on recordings that only this process is given.

torch is loaded where it is used: every message has a process of its own, and most of secure aggregation's need none.
"""

from __future__ import annotations

from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from aclipse.deploy.federation import wire
from aclipse.deploy.federation.privacy import own_of, private
from aclipse.deploy.federation.secure import secured

app = ClientApp(mods=[secured, private])  # from the outside to the inside


@app.train()
def train(message: Message, context: Context) -> Message:
    """The update of one round as it is computed, which `private` then makes fit to be sent."""
    from aclipse.deploy.federation.folder import as_row
    from aclipse.protections.user_level_dp.local import local_updates

    own, (weights, number, _) = own_of(context), wire.asked(message)
    rules = own.rules
    found = local_updates(
        as_row(weights), [own.client], rules.shape, rules.settings, [own.seed_of(number)],
        rules.new_mechanism().batch_clip,
    )  # fmt: skip
    return wire.answering(message, found[0].numpy(), len(own.client.labels))


@app.query()
def place(message: Message, context: Context) -> Message:
    """Which client of the federation this is."""
    told = MetricRecord({wire.PLACE: int(context.node_config[wire.PLACE])})
    return Message(RecordDict({wire.LEARNED: told}), reply_to=message)
