"""What the command line accepts. A stable contract: options are added here, never renamed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from pruneviz.core.errors import nearest
from pruneviz_apps.commands.parser_models import add_models
from pruneviz_apps.commands.parser_results import add_results

CATALOGUES = {
    "methods": "pruning methods: what each removes, by which score, where, and its paper",
    "analyses": "analyses: what each measures, its options and its paper",
    "studies": "studies that ship: what each shows and how long it takes",
    "models": "where models can come from, and the sample models that ship",
    "data": "where images can come from, and the sample data that ship",
}


class Parser(argparse.ArgumentParser):
    """Refuses abbreviations, and names the nearest of what it does not know."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        hint = ""
        if wrong := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            hint = nearest(wrong[1], [name.strip("' ") for name in wrong[2].split(",")])
        self.exit(2, f"{' '.join(filter(None, ['error:', message + '.', hint]))}\nSee: {self.prog} --help\n")


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; what is left over is wrong usage of the command that it was given to."""
    arguments, left = parser.parse_known_args(argv)
    if left:
        command: argparse.ArgumentParser = arguments.command
        known = [o for action in command._actions for o in action.option_strings]
        hint = nearest(left[0].partition("=")[0], known)
        command.error(f"unknown argument {left[0]!r}" + (f" ({hint})" if hint else ""))
    return arguments


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = Parser(
        prog="pruneviz",
        description="Prune models in many ways, measure what each way did to them, and see any of it side by side.",
        epilog="examples:\n"
        "  pruneviz demo                            real pruned models in your browser, minutes from here\n"
        "  pruneviz run study.toml --store runs/a   run a study; the same again goes on where it was\n"
        "  pruneviz app runs/a                      look at it\n"
        "  pruneviz methods taylor                  what a method does, its options and its paper\n\n"
        "exit codes: 0 done, 1 failed, 2 wrong usage",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and leave")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND", title="commands")

    def command(name: str, handler: str, summary: str, example: str, detail: str = "") -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.{' ' if detail else ''}{detail}",
            epilog=f"examples:\n{example}" if "\n" in example else f"example:\n{example}",
        )
        made.set_defaults(handler=handler, command=made)
        return made

    _demo(command)
    _run(command)
    add_models(command)
    _looking(command)
    add_results(command)
    for name, summary in CATALOGUES.items():
        example = f"  pruneviz {name}\n  pruneviz {name} --json"
        p = command(name, "catalogue:show", f"list {summary}", example)
        p.add_argument("entry", nargs="?", metavar="NAME", help="show this one in full")
        p.add_argument("--where", action="append", metavar="FACT=TEXT", help="only those of which this is true; repeat")
        p.add_argument("--json", action="store_true", help="print JSON instead of a table")
        p.set_defaults(kind=name)
    fetch = command(
        "fetch",
        "fetch:fetch",
        "get public data from their home, with the digest checked",
        "  pruneviz fetch cifar10 --to data",
        "`pruneviz data` lists what can be fetched.",
    )
    fetch.add_argument("entry", metavar="NAME", help="the data set, such as cifar10")
    fetch.add_argument("--to", metavar="DIR", default="data", help="the folder to put it in (default: %(default)s)")
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        import pruneviz

        print(f"pruneviz {pruneviz.__version__}")
        parser.exit(0)


def _port(text: str) -> int:
    if text.isdigit() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}; allowed: a whole number from 0 (any free port) to 65535")


def _workers(text: str) -> int:
    if text.isdigit() and 1 <= int(text) <= 1024:
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}; allowed: a whole number from 1 to 1024")


def _serving(p: argparse.ArgumentParser) -> None:
    p.add_argument("--port", type=_port, metavar="N", help="port on 127.0.0.1 (default: 5006, or a free one near it)")
    p.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")


def _demo(command: Any) -> None:
    p = command(
        "demo",
        "demo:demo",
        "run the demo study on real images and open the explorer",
        "  pruneviz demo\n  pruneviz demo --no-serve --store runs/demo",
        "LeNet-5 on Fashion-MNIST, about two minutes on two cores the first time, seconds after that.",
    )
    p.add_argument("--store", metavar="DIR", default="runs/demo", help="where results are kept (default: %(default)s)")
    p.add_argument("--no-serve", action="store_true", help="write the report, DIR/report.html, instead of serving")
    _serving(p)


def _run(command: Any) -> None:
    p = command(
        "run",
        "run:run",
        "run a study, or go on with one",
        "  pruneviz run mine.toml --store runs/mine\n"
        "  pruneviz run demo --quick\n"
        "  pruneviz run mine.toml --dry-run\n"
        "  pruneviz run mine.toml --set train.epochs=3 --set 'prune.sparsities=[0.5, \"20x\"]'",
        "Steps that are done are not done again, so the same command\n"
        "goes on after a stop, tries failed steps anew, and runs only what an extended study file adds.",
    )
    p.add_argument("study", metavar="STUDY", help="a study file (.toml), or the name of a study that ships")
    p.add_argument("--store", metavar="DIR", help="where results are kept (default: runs/NAME, by the study's name)")
    p.add_argument(
        "--workers",
        type=_workers,
        metavar="N",
        help="processes of the local executor (default: one per core); results are the same for any number",
    )
    p.add_argument(
        "--executor",
        choices=("inline", "local"),
        help="inline: in this process; local: in worker processes (default: whichever is done sooner)",
    )
    p.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where models run; auto takes an accelerator where there is one (default: %(default)s)",
    )
    p.add_argument(
        "--set",
        dest="settings",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="lay a value over the study file, by its dotted key; may be repeated",
    )
    p.add_argument("--quick", action="store_true", help="run the study's small variant, its [quick] table")
    p.add_argument("--dry-run", action="store_true", help="print the plan: steps, how many are done, time and disk")
    p.add_argument("--json", action="store_true", help="print the plan or the summary as JSON on stdout")


def _looking(command: Any) -> None:
    p = command("status", "status:status", "show what a store holds and how far it is", "  pruneviz status runs/mine")
    p.add_argument("store", metavar="STORE", help="the store's folder")
    p.add_argument("--json", action="store_true", help="print JSON instead of a table")

    p = command(
        "app",
        "app:app",
        "open the explorer on a store, or on a dense model without any study",
        "  pruneviz app runs/mine\n"
        "  pruneviz app --model my_pkg.nets:resnet --checkpoint w.safetensors --data folder:photos\n"
        "  pruneviz app --model sample:lenet5-fashion --data folder:photos --set data.size=[28,28]",
        "It listens on 127.0.0.1 alone. Opening a store never runs code that the store names,\n"
        "unless --model or --trust says so.",
    )
    p.add_argument("store", metavar="STORE", nargs="?", help="the store's folder; not with --model and --data")
    p.add_argument("--model", metavar="M", help='a model to explore, such as "my_pkg.nets:resnet" or "sample:NAME"')
    p.add_argument("--checkpoint", metavar="F", help="its weights: a safetensors or state-dict file")
    p.add_argument("--data", metavar="D", help='test images, such as "folder:photos" or "sample:fashion"')
    p.add_argument("--study", metavar="NAME", help="which of the store's studies (default: the latest)")
    p.add_argument(
        "--set",
        dest="settings",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="with --model and --data: a value of a study file, such as data.mean=[0.5]; may be repeated",
    )
    p.add_argument("--trust", action="store_true", help="let the explorer import the model code that the store names")
    p.add_argument(
        "--ui",
        choices=("panel", "streamlit"),
        default="panel",
        help="panel shows everything (default); streamlit is lighter: pictures and tables, nothing is run from there",
    )
    p.add_argument("--window", action="store_true", help="open it in a window of its own; needs the extra `window`")
    _serving(p)
