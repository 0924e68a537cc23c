"""Faults in who may see and do what."""

from __future__ import annotations

from tests.mutants import Mutant

ITEMS, OWN = "gallery/items/access.py", "accounts/ownership.py"
AUTH, MODELS = "accounts/tokens/authentication.py", "gallery/models/items.py"
STRANGERS = ("tests/security/test_item_access.py", "tests/gallery/items/test_publication.py")

MUTANTS = [
    Mutant(
        OWN,
        "ApiToken.objects.filter(user=user, pk=token_id)",
        "ApiToken.objects.filter(pk=token_id)",
        "A member can change and revoke another one's tokens.",
        ("tests/accounts/test_account_pages.py", "tests/accounts/tokens/test_tokens_api.py", *STRANGERS),
    ),
    Mutant(
        OWN,
        "    roles.require(user, account, roles.MONEY)\n",
        "",
        "A plain member of an organisation sees its money.",
        ("tests/accounts/organizations",),
    ),
    Mutant(
        ITEMS,
        "or_404(_OWNED.first(account=account.pk, public_id=public_id))",
        "or_404(_ANY.first(public_id=public_id))",
        "A member can change another one's pictures.",
        STRANGERS,
    ),
    Mutant(
        ITEMS,
        "(account is not None and item.account_id == account.pk)",
        "account is not None",
        "Every member sees every private picture.",
        STRANGERS,
    ),
    Mutant(
        ITEMS,
        "with_files(Item.objects.open()).filter(public_id=public_id)",
        "with_files(Item.objects.all()).filter(public_id=public_id)",
        "Who knows the address of a private picture sees it.",
        STRANGERS,
    ),
    Mutant(
        MODELS,
        "visibility=Item.Visibility.PUBLIC, hidden_at__isnull=True, trashed_at__isnull=True)",
        "visibility=Item.Visibility.PUBLIC, trashed_at__isnull=True)",
        "What a moderator hid stays in the lists.",
        (
            "tests/gallery/public/test_public_lists.py",
            "tests/gallery/items/test_publication.py",
            "tests/gallery/library/test_item_lists.py",
        ),
    ),
    Mutant(
        MODELS,
        "            hidden_at__isnull=True,\n            trashed_at__isnull=True,\n        )\n",
        "            hidden_at__isnull=True,\n        )\n",
        "A picture in the trash opens for whoever has its address.",
        ("tests/gallery/library/test_trash.py", "tests/gallery/items/test_publication.py"),
    ),
    Mutant(
        ITEMS,
        "    if not item.user.is_active:\n        return False\n",
        "",
        "Visitors are led to the page of a banned author.",
        ("tests/gallery/items/test_publication.py", "tests/config/test_page_basics.py"),
    ),
    Mutant(
        AUTH,
        "    if token is not None and is_blocked(token.user, token.account):\n        raise AccountBlocked\n",
        "",
        "A banned member's tokens go on working.",
        ("tests/accounts/tokens/test_token_authentication.py",),
    ),
    Mutant(
        AUTH,
        "        network_access.check(token, request)\n",
        "",
        "A token works from every network.",
        ("tests/security/test_token_scopes.py", "tests/core/net/test_client_ip.py"),
    ),
    Mutant(
        AUTH,
        "return not user.is_active or (account is not None and account.status == Account.Status.SUSPENDED)",
        "return not user.is_active",
        "A suspended account's tokens go on working.",
        ("tests/accounts/tokens/test_token_authentication.py",),
    ),
    Mutant(
        "accounts/tokens/token_scopes.py",
        "    if token is not None and scope not in token.scopes:",
        "    if token is not None and not token.scopes:",
        "A token that may only look makes predictions.",
        (
            "tests/predictions/api_dialects/replicate/test_token_refusals.py",
            "tests/accounts/tokens/test_tokens_api.py",
        ),
    ),
    Mutant(
        "predictions/views.py",
        "        return token.account_id == account_id\n",
        "        return True\n",
        "Any token opens the looks and withheld files of others.",
        ("tests/predictions/lifecycle/test_previews.py", "tests/predictions/image_safety"),
    ),
]
