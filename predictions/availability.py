"""Which models can be served at all, by the providers as they are configured now."""

from __future__ import annotations

from predictions.models import HostedModel
from predictions.running import providers


def can_serve(model: HostedModel) -> bool:
    """Whether any provider serves the model; a prediction for one that none serves is refused."""
    return any(provider.serves(model.ref) for provider in providers.all_providers())


def served_refs() -> set[str]:
    """`owner/name` of every enabled model that some provider serves."""
    refs = (model.ref for model in HostedModel.objects.filter(enabled=True))
    everyone = providers.all_providers()
    return {ref for ref in refs if any(provider.serves(ref) for provider in everyone)}


def refs_taking_pictures() -> set[str]:
    """Those of `served_refs` that some provider works on from a picture."""
    everyone = providers.all_providers()
    return {
        ref for ref in served_refs() if any(one.serves(ref) and one.takes_pictures(ref) for one in everyone)
    }
