from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pruneviz.core.errors import SpecError
from pruneviz.core.keys import canonical
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.pruning import RECIPES, control_of, describe, label, resolve
from pruneviz.pruning.allocations import Erk, Global, Pattern, Uniform
from pruneviz.pruning.recipes import add
from pruneviz.pruning.schedules import Gradual, Iterative, Rounds
from pruneviz.pruning.scores import Random, Taylor
from pruneviz.pruning.spaces import NM, Channels


def get(name: str, **options: object) -> object:
    return resolve(Choice(name, options), "[prune] methods[0]")


def test_plain_names_are_the_registered_recipes() -> None:
    assert all(resolve(Choice(n, {}), "here") is r for n, r in RECIPES.items())


def test_parts_are_replaced_by_name_or_table_and_options_set_directly() -> None:
    r = get("taylor", allocation="uniform", reduce="abs-of-mean", samples=64)
    assert (r.allocation, r.score) == (Uniform(), Taylor("abs-of-mean", 64))
    r = get("magnitude", schedule={"name": "iterative", "steps": 5}, steps=7)
    assert r.schedule == Iterative(7)
    r = get("gradual-magnitude", schedule={"every": 50}, recovery={"name": "finetune", "epochs": 3}, end=0.5)
    assert r.schedule == Gradual(end=0.5, every=50)
    assert r.recovery == Choice("finetune", {"epochs": 3})
    assert get("magnitude", score="random").score == Random()
    assert get("magnitude", score=Taylor(samples=3)).score == Taylor(samples=3)


def test_another_unit_brings_its_plain_allocation() -> None:
    assert (get("erk", unit="channel").allocation, get("taylor", unit="channel").space) == (Global(), Channels())
    assert (get("snip", unit={"name": "nm", "m": 8}).allocation, get("snip", unit="nm", m=8).space) == (
        Pattern(),
        NM(2, 8),
    )


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("magnitud", {}, r"methods\[0\]: method: got 'magnitud'.*Did you mean 'magnitude'"),
        ("magnitude", {"alocation": "uniform"}, r"option of magnitude: got 'alocation'.*Did you mean 'allocation'"),
        ("magnitude", {"allocation": "unifrom"}, "Did you mean 'uniform'"),
        ("magnitude", {"allocation": {"name": "global-floor", "fraction": 2}}, "fraction: got 2"),
        ("taylor", {"reduce": "sum"}, "mean-of-abs"),
        ("taylor", {"samples": 0}, "samples: got 0"),
        ("l1-filter", {"allocation": "erk"}, "got 'erk'; allowed: for unit 'channel': crop, global"),
        ("nm-magnitude", {"schedule": "gradual"}, "for unit 'nm': one-shot"),
        ("bn-scale", {"unit": "weight"}, "score: got 'bn-scale'; allowed: for unit 'weight'"),
        ("nm-magnitude", {"n": 4}, "n smaller than m"),
        ("magnitude", {"schedule": 3}, "a name such as"),
        ("magnitude", {"score": Uniform()}, "a name such as"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        get(name, **options)


def test_labels_say_what_differs() -> None:
    assert label(get("magnitude")) == "magnitude"
    assert label(get("magnitude", allocation="uniform")) == "magnitude(allocation=uniform)"
    assert label(get("taylor", reduce="abs-of-mean")) == "taylor(reduce=abs-of-mean)"
    assert (
        label(get("magnitude", allocation={"name": "global-floor", "fraction": 0.001}))
        == "magnitude(allocation=global-floor(fraction=0.001))"
    )
    assert label(get("gradual-magnitude", recovery={"name": "finetune", "epochs": 3}, every=5)) == (
        "gradual-magnitude(every=5, recovery=finetune(epochs=3))"
    )


def test_the_control_differs_by_its_score_alone() -> None:
    for recipe in (*RECIPES.values(), get("magnitude", allocation="uniform"), get("nm-magnitude", m=8)):
        control = control_of(recipe)
        assert control.score == Random()
        same = {**recipe.parts, "schedule": recipe.schedule.control(), "score": Random()}
        assert control.parts == same
        assert (control.at, control.schedule.kind) == (recipe.at, recipe.schedule.kind)
        assert control.recovery == recipe.recovery
        assert control_of(control) == control
        assert resolve(Choice(control.name, {}), "here").unit == control.unit
    assert label(control_of(get("magnitude", allocation="uniform"))) == "random(allocation=uniform)"
    assert label(control_of(get("erk"))) == "random(allocation=erk)"


def test_targets_are_the_studys_or_the_methods_own() -> None:
    asked = (Target("sparsity", 0.8), Target("macs", 0.5))
    assert get("magnitude").targets(asked) == asked
    assert (get("nm-magnitude", n=1).target, get("nm-magnitude", n=1).targets(asked)) == (
        "natural",
        (Target("sparsity", 0.75),),
    )
    rounds = get("magnitude", schedule={"name": "rounds", "rate": 0.5, "rounds": 2})
    assert rounds.schedule == Rounds(0.5, 2)
    assert (rounds.target, rounds.targets(asked)) == ("schedule", (Target("sparsity", 0.75),))


def test_plain_form_tells_every_composition_apart_and_no_name() -> None:
    forms = {canonical(r.to_plain()) for r in RECIPES.values()}
    same = {canonical(get("magnitude", allocation="global-floor").to_plain()), canonical(get("global-mp").to_plain())}
    assert len(same) == 1
    assert len(forms) == len(RECIPES)
    assert canonical(get("magnitude").to_plain()) != canonical(get("magnitude", allocation="uniform").to_plain())
    assert canonical(get("nm-magnitude").to_plain()) != canonical(get("nm-magnitude", m=8).to_plain())


def test_recipes_can_be_keys_and_say_what_they_need() -> None:
    assert len({get("gradual-magnitude", every=n) for n in (1, 2, 1)}) == 2
    assert (get("taylor").needs, get("magnitude").needs) == ({"gradients"}, frozenset())
    assert [get(n).uses_seed for n in ("random", "taylor", "magnitude")] == [True, True, False]
    assert (get("snip").samples, get("snip", samples=5).samples, get("magnitude").samples) == (None, 5, None)


def test_every_recipe_is_described_for_people_and_machines() -> None:
    for recipe in RECIPES.values():
        d = json.loads(json.dumps(describe(recipe)))
        assert d["summary"]
        assert d["formula"]
        assert d["speedup"]
        assert d["reference"] or recipe.score == Random()
        assert all(o["doc"] and o["allowed"] for o in d["options"].values())
        owned = [o for p in recipe.parts.values() for o in p.to_plain() if o != "name"]
        assert sorted(d["options"]) == sorted(owned)  # no two parts share an option's name
    replaceable = describe(RECIPES["l1-filter"])["replaceable"]["allocation"]
    assert {"global", "uniform"} <= set(replaceable)
    assert "erk" not in replaceable


def test_a_name_is_added_once() -> None:
    with pytest.raises(SpecError, match="a name that is not taken"):
        add(RECIPES["magnitude"])


def test_listing_methods_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pruneviz.pruning import RECIPES, describe; [describe(r) for r in RECIPES.values()];"
        "print([m for m in ('torch', 'torch_pruning', 'pandas', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_erk_part_is_what_the_recipe_uses() -> None:
    assert RECIPES["erk"].allocation == Erk()
