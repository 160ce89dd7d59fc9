"""What people do who have no mouse, and what they are told who hear the page."""

from __future__ import annotations

import re
from typing import Any

# What has the keyboard: its role, its name, and whether that is seen.
FOCUSED = """(() => {
    let e = document.activeElement
    while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
    const said = x => {
        const copy = x.cloneNode(true)
        for (const icon of copy.querySelectorAll('[aria-hidden=true]')) icon.remove()
        return copy.textContent.replaceAll('\u200b', ' ').trim()
    }
    const ids = (e.getAttribute('aria-labelledby') ?? '').split(' ').filter(Boolean)
    const others = ids.length ? ids.map(i => e.getRootNode().getElementById(i)) : [...(e.labels ?? [])]
    const name = e.getAttribute('aria-label') || others.filter(Boolean).map(said).join(' ') || said(e) || e.title
    const framed = [e, e.parentElement].some(x => x && getComputedStyle(x).outlineStyle != 'none')
    const field = e.closest('.MuiOutlinedInput-root')?.classList.contains('Mui-focused')
    return {tag: e.tagName, role: e.getAttribute('role') ?? '', name, seen: !!(framed || field)}
})()"""


def press(t: Any, keys: str) -> dict[str, Any]:
    """Press keys one after the other; what has the keyboard then."""
    for key in keys.split():
        t.page.keyboard.press(key)
    found: dict[str, Any] = t.page.evaluate(FOCUSED)
    return found


def tab_to(t: Any, name: str, role: str = "", most: int = 90, keys: str = "Tab") -> dict[str, Any]:
    """Press Tab until something of that name and role has the keyboard."""
    for _ in range(most):
        at = press(t, keys)
        if re.search(name, at["name"]) and role in at["role"]:
            return at
    raise AssertionError(f"{most} stops, and none is {name}")


def choose(t: Any, option: str) -> None:
    """Open the list of choices that has the keyboard, and choose what begins so, and no other with its letter."""
    press(t, "Enter")
    found = t.page.get_by_role("option", name=re.compile(f"^{option}"))
    found.wait_for()
    press(t, f"{option[0]} Enter")
    found.wait_for(state="hidden")


def heard(t: Any, said: str) -> str:
    """Wait until those who hear the page are told these words (a pattern), and give all that they are told."""
    region = t.page.locator(".pv-heard").filter(has_text=re.compile(said))
    region.wait_for(state="attached")
    return str(region.text_content())
