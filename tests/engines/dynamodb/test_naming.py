"""Which live tables are a service's own."""

from __future__ import annotations

from typing import Any

from reconciler.engines.dynamodb.naming import STATE_TABLE, Claim, in_scope, logical_name, physical_name
from reconciler.model.engine import Scope


def scope(*roots: str, service: str = "chat", **options: Any) -> Scope:
    return Scope(service, "dev", frozenset(roots), **{"naming": f"{service}-{{table}}-dev", **options})


def names(live: list[str], where: Scope, *claims: Claim) -> dict[str, str]:
    return {o.logical: o.physical for o in in_scope(live, where, claims)[0]}


def test_the_pattern_goes_both_ways() -> None:
    assert physical_name("chat-{table}-dev", "rooms") == "chat-rooms-dev"
    assert logical_name("chat-{table}-dev", "chat-rooms-dev") == "rooms"
    assert logical_name("chat-{table}-dev", "chat--dev") is None
    assert logical_name("chat.{table}", "chatXrooms") is None
    assert logical_name("{table}", "anything.at-all") == "anything.at-all"


def test_what_fits_the_pattern_is_in_scope_and_the_rest_is_not() -> None:
    live = ["chat-rooms-dev", "chat-rooms-prod", "other", STATE_TABLE]
    assert names(live, scope()) == {"rooms": "chat-rooms-dev"}
    assert names([*live], scope(naming="{table}")) == {n: n for n in live if n != STATE_TABLE}


def test_tables_named_outright_are_in_scope_under_their_logical_name() -> None:
    live = ["chat-rooms-dev", "legacy_rooms"]
    assert names(live, scope("people=legacy_rooms")) == {"people": "legacy_rooms", "rooms": "chat-rooms-dev"}


def test_what_is_to_be_ignored_is() -> None:
    assert names(["chat-rooms-dev", "chat-tmp-1-dev"], scope(ignore=("*-tmp-*",))) == {"rooms": "chat-rooms-dev"}


def test_a_service_whose_name_begins_like_ours_keeps_its_tables() -> None:
    live = ["chat-rooms-dev", "chat-bot-rooms-dev"]
    bot = Claim("chat-bot", "dev", "chat-bot-{table}-dev", {})
    assert names(live, scope(), bot) == {"rooms": "chat-rooms-dev"}
    assert names(live, scope(service="chat-bot"), Claim("chat", "dev", "chat-{table}-dev", {})) == {
        "rooms": "chat-bot-rooms-dev"
    }


def test_what_we_declare_is_ours_whatever_it_looks_like() -> None:
    bot = Claim("chat-bot", "dev", "chat-bot-{table}-dev", {})
    assert names(["chat-bot-rooms-dev"], scope("chat-bot-rooms-dev"), bot) == {"bot-rooms": "chat-bot-rooms-dev"}


def test_what_another_service_names_outright_is_not_ours() -> None:
    video = Claim("video", "dev", "video-{table}-dev", {"calls": "chat-calls-dev"})
    assert names(["chat-calls-dev"], scope(), video) == {}


def test_another_environment_of_ours_keeps_its_tables() -> None:
    longer = Claim("chat", "eu-dev", "chat-{table}-eu-dev", {})
    assert names(["chat-rooms-eu-dev", "chat-rooms-dev"], scope(), longer) == {"rooms": "chat-rooms-dev"}


def test_two_tables_for_one_logical_name_are_told() -> None:
    found, shadowed = in_scope(["chat-rooms-dev", "rooms2"], scope("rooms=rooms2"), ())
    assert [(o.logical, o.physical) for o in found] == [("rooms", "rooms2")]
    assert [o.physical for o in shadowed] == ["chat-rooms-dev"]
