"""OpenID Connect identity providers, such as a cluster's or a CI system's; nobody asks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.iam import OpenIdProvider
from emulator.services.call import Call, Handler
from emulator.services.iam import entities

# "IAM and AWS STS quotas".
MAX_PROVIDERS = 100
MAX_CLIENT_IDS = 100
MAX_THUMBPRINTS = 5
_SCHEME = "https://"
_HEX = frozenset("0123456789abcdefABCDEF")
_THUMBPRINT_LENGTH = 40


def _find(call: Call, params: Mapping[str, Any]) -> OpenIdProvider:
    arn = params["OpenIDConnectProviderArn"]
    provider = entities.records(call)[OpenIdProvider].get(arn)
    if provider is None:
        raise entities.no_such(f"OpenIDConnect Provider not found for arn {arn}")
    return provider


def _thumbprints(given: list[str]) -> tuple[str, ...]:
    if len(given) > MAX_THUMBPRINTS:
        raise AwsError("InvalidInput", f"Thumbprint list must contain fewer than {MAX_THUMBPRINTS}")
    for thumbprint in given:
        if len(thumbprint) != _THUMBPRINT_LENGTH or not _HEX.issuperset(thumbprint):
            raise AwsError("InvalidInput", "Thumbprint must be 40 hexadecimal digits")
    return tuple(given)


def create_open_id_connect_provider(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Create a provider. Source: API_CreateOpenIDConnectProvider."""
    table, url = entities.records(call)[OpenIdProvider], params["Url"]
    if not url.startswith(_SCHEME) or not url.removeprefix(_SCHEME):
        raise AwsError("ValidationError", "Invalid Open ID Connect Provider URL")
    url = url.removeprefix(_SCHEME).rstrip("/")
    arn = f"arn:aws:iam::{call.account}:oidc-provider/{url}"
    if arn in table:
        raise entities.exists(f"Provider with url {_SCHEME}{url} already exists.")
    if len(table) >= MAX_PROVIDERS:
        raise entities.over_quota("OpenIdConnectProvidersPerAccount", MAX_PROVIDERS)
    client_ids = tuple(dict.fromkeys(params.get("ClientIDList") or ()))
    if len(client_ids) > MAX_CLIENT_IDS:
        raise entities.over_quota("ClientIdsPerOpenIdConnectProvider", MAX_CLIENT_IDS)
    provider = OpenIdProvider(
        id=arn,
        tags=entities.checked_tags(params.get("Tags")),
        url=url,
        client_ids=client_ids,
        thumbprints=_thumbprints(params.get("ThumbprintList") or []),
        created_at=entities.now(call),
    )
    table.add(provider)
    return {"OpenIDConnectProviderArn": arn, "Tags": entities.pairs(provider.tags) or None}


def get_open_id_connect_provider(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show one provider."""
    provider = _find(call, params)
    return {
        "Url": provider.url,
        "ClientIDList": provider.client_ids,
        "ThumbprintList": provider.thumbprints,
        "CreateDate": provider.created_at,
        "Tags": entities.pairs(provider.tags) or None,
    }


def list_open_id_connect_providers(call: Call, _params: Mapping[str, Any]) -> dict[str, Any]:
    """List the ARNs of all providers; this list has no pages."""
    arns = sorted(provider.id for provider in entities.records(call)[OpenIdProvider])
    return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in arns]}


def delete_open_id_connect_provider(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a provider."""
    entities.records(call)[OpenIdProvider].remove(_find(call, params))
    return {}


def update_open_id_connect_provider_thumbprint(
    call: Call, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Replace a provider's thumbprints."""
    _find(call, params).thumbprints = _thumbprints(params["ThumbprintList"])
    return {}


def add_client_id_to_open_id_connect_provider(
    call: Call, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Add an audience; one that is there already is no error."""
    provider, client_id = _find(call, params), params["ClientID"]
    if client_id in provider.client_ids:
        return {}
    if len(provider.client_ids) >= MAX_CLIENT_IDS:
        raise entities.over_quota("ClientIdsPerOpenIdConnectProvider", MAX_CLIENT_IDS)
    provider.client_ids = (*provider.client_ids, client_id)
    return {}


def remove_client_id_from_open_id_connect_provider(
    call: Call, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Remove an audience; one that is not there is no error."""
    provider, client_id = _find(call, params), params["ClientID"]
    provider.client_ids = tuple(other for other in provider.client_ids if other != client_id)
    return {}


def tag_open_id_connect_provider(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tag a provider."""
    return entities.tag(_find(call, params), params["Tags"])


def untag_open_id_connect_provider(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Untag a provider."""
    return entities.untag(_find(call, params), params["TagKeys"])


def list_open_id_connect_provider_tags(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List a provider's tags."""
    tags = entities.pairs(_find(call, params).tags)
    return entities.listed("Tags", tags, params, lambda pair: pair["Key"], dict)


OPERATIONS: Mapping[str, Handler] = {
    "AddClientIDToOpenIDConnectProvider": add_client_id_to_open_id_connect_provider,
    "CreateOpenIDConnectProvider": create_open_id_connect_provider,
    "DeleteOpenIDConnectProvider": delete_open_id_connect_provider,
    "GetOpenIDConnectProvider": get_open_id_connect_provider,
    "ListOpenIDConnectProviderTags": list_open_id_connect_provider_tags,
    "ListOpenIDConnectProviders": list_open_id_connect_providers,
    "RemoveClientIDFromOpenIDConnectProvider": remove_client_id_from_open_id_connect_provider,
    "TagOpenIDConnectProvider": tag_open_id_connect_provider,
    "UntagOpenIDConnectProvider": untag_open_id_connect_provider,
    "UpdateOpenIDConnectProviderThumbprint": update_open_id_connect_provider_thumbprint,
}
