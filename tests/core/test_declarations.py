"""Lower, lift and validate, by the memory engine's kinds: every error has a place and a hint."""

from __future__ import annotations

import pytest

from reconciler import pipeline
from reconciler.desired.lift import lift
from reconciler.desired.lower import overlaid
from reconciler.errors import ConfigError, DeclarationError, DeclarationErrors
from tests.memory_kinds import Box
from tests.projects import Workshop


def errors(shop: Workshop) -> list[tuple[int, str, str]]:
    """(line, message, hint) of everything that is wrong."""
    with pytest.raises(DeclarationErrors) as caught:
        pipeline.validate(shop.project())
    return [(e.where.line if e.where else 0, e.message, e.hint or "") for e in caught.value.errors]


def test_what_is_right(shop: Workshop) -> None:
    shop.declare("boxes: {a: {labels: {x: hi}}, b: }")
    result = pipeline.validate(shop.project())
    assert result.services == ("shop",)
    assert result.resources == {"shop/memory": 3}
    assert result.exit_code == 0


def test_an_unknown_key_is_told_with_its_line_and_the_nearest(shop: Workshop) -> None:
    shop.declare("boxes:\n  a:\n    colur: red")
    assert errors(shop) == [(5, "unknown key 'colur' in memory.boxes.a", "did you mean 'colour'?")]


def test_all_errors_of_all_files_in_one_run(shop: Workshop) -> None:
    shop.declare("boxes: {a: {size: big}}")
    shop.declare("boxes: {a: {material: gold}}", "depot")
    assert [(line, hint) for line, _, hint in errors(shop)] == [(3, "allowed: wood, tin"), (3, "")]


def test_errors_of_lowering_and_of_the_engine_are_told_with_their_line(shop: Workshop) -> None:
    shop.declare("boxes:\n  a~new: {}")
    assert errors(shop) == [(4, "a box must not be called 'a~new'", "choose a name without ~")]
    shop.declare("boxes:\n  a: {}\n  b: {size: 13}")
    assert errors(shop) == [(5, "box b has the size 13", "choose another size")]


def test_a_reference_to_nothing(shop: Workshop) -> None:
    shop.declare("boxes:\n  first: {}\nlinks:\n  l: {source: first, sink: frist}")
    # a root kind of its own: whether the other box exists is for the server to say
    shop.declare("boxes:\n  a:\n    labels:\n      x: {after: z}\n      y: hi")
    assert errors(shop) == [(6, "label a.x refers to label a.z, which is not declared", "declared there: x, y")]


def test_the_same_thing_twice_in_two_files(shop: Workshop) -> None:
    shop.declare("boxes:\n  a: {}")
    (shop.folder / "schemas" / "shop-2.yaml").write_text("service: shop\nmemory:\n  boxes:\n    a: {}\n")
    ((line, message, hint),) = errors(shop)
    assert "box a is declared twice; first at" in message
    assert (line, hint) == (4, "keep one of them")


def test_overlays_of_environments(shop: Workshop) -> None:
    shop.declare("boxes:\n  a: {size: 2, environments: {dev-*: {size: 5}, dev-2: {colour: red}}}")
    project = shop.project()
    for environment, size, colour in [("dev", 2, "white"), ("dev-1", 5, "white"), ("dev-2", 5, "red")]:
        shop.environment = environment
        declared = pipeline._declared(shop.project(), ("shop", "memory"))
        (box,) = declared.desired.of_kind(Box)
        assert (box.size, box.colour) == (size, colour)
    assert project.environment.name == "dev"


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ("{size: large}", "size is 'large'; expected a whole number"),
        ("{colur: red}", "unknown key 'colur'"),
        ("{lid: {tihgt: true}}", "unknown key 'tihgt' in lid"),
    ],
)
def test_an_overlay_is_checked_where_it_holds(shop: Workshop, overlay: str, message: str) -> None:
    shop.declare(f"boxes:\n  a: {{size: 2, environments: {{prod: {overlay}}}}}")
    pipeline._declared(shop.project(), ("shop", "memory"))
    shop.environment = "prod"
    with pytest.raises(DeclarationError) as caught:
        pipeline._declared(shop.project(), ("shop", "memory"))
    assert message in str(caught.value)


def test_an_overlay_can_take_a_key_away() -> None:
    node = {"a": 1, "b": {"c": 2, "d": 3}, "environments": {"x": {"a": None, "b": {"c": None}}}}
    assert overlaid(node, "x") == {"b": {"d": 3}}
    assert overlaid(node, "y") == {"a": 1, "b": {"c": 2, "d": 3}}


def test_lifting_and_lowering_again_loses_nothing(shop: Workshop) -> None:
    shop.declare(
        """
        boxes:
          a: {size: 3, colour: red, rule: x > 1, tags: [p, q], labels: {x: hi, y: {text: t, required: true, after: x}}}
          b: {material: tin, lid: {tight: true}}
        links: {l: {source: a, sink: b}}
        """
    )
    catalog = pipeline._declared(shop.project(), ("shop", "memory")).desired
    section = lift(shop.engine, catalog)
    from reconciler.desired.emit import dump

    shop.declare(dump(section))
    again = pipeline._declared(shop.project(), ("shop", "memory")).desired
    assert dict(again.resources) == dict(catalog.resources)
    assert lift(shop.engine, again) == section


def test_services_come_in_the_order_of_their_dependencies(shop: Workshop) -> None:
    for service, head in [("a", "depends_on: [c]\n"), ("b", ""), ("c", "depends_on: [d]\n"), ("d", "")]:
        shop.declare("boxes: {x: }", service, head)
    assert shop.project().services == ("b", "d", "c", "a")


def test_dependencies_that_do_not_exist_or_go_in_circles(shop: Workshop) -> None:
    shop.declare("boxes: {x: }", "a", "depends_on: [b, nobody]\n")
    shop.declare("boxes: {x: }", "b", "depends_on: [a]\n")
    with pytest.raises(DeclarationError, match=r"a\.yaml:2: a depends on 'nobody'"):
        shop.project()
    shop.declare("boxes: {x: }", "a", "depends_on: [b]\n")
    with pytest.raises(DeclarationError, match="circle"):
        shop.project()


def test_a_service_that_is_not_there(shop: Workshop) -> None:
    shop.declare("boxes: {x: }")
    with pytest.raises(ConfigError, match="no service is called 'shep'"):
        shop.plan("shep")


def test_an_unknown_engine_is_an_unknown_key(shop: Workshop) -> None:
    (shop.folder / "schemas" / "shop.yaml").write_text("service: shop\nmemry: {}\n")
    with pytest.raises(DeclarationErrors) as caught:
        shop.project()
    assert caught.value.hint == "did you mean 'memory'?"
