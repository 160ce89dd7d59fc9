// What only the browser can do: its address and back button, keys, and a sign that the server works.
// One module together with reading.js, which stands before it.

const PAN = 0.1, ZOOM = 0.8  // of what is in sight
const HOW = "Arrow keys read what stands in it, one by one; Shift and an arrow move it; plus and minus zoom, 0 shows all."
const SOON = 700  // milliseconds: what the server has sent is drawn by then
const STAR = '[tabulator-field="mark"]'
const OPENS = ["Enter", " ", "ArrowUp", "ArrowDown"]
const TYPED = ["INPUT", "TEXTAREA", "SELECT"]

const views = () => [...Bokeh.index.all_views()]
const shown = cell => cell.style.display != "none"
const tables = () => views().filter(v => v.model.type.endsWith("DataTabulator"))
const figures = () => views().filter(v => v.model.type == "Figure")

function* deep(root, selector) {
  yield* root.querySelectorAll(selector)
  for (const e of root.querySelectorAll("*")) if (e.shadowRoot) yield* deep(e.shadowRoot, selector)
}

// What the keyboard has reached in a picture is framed, as everything else is.
const FRAMED = new WeakSet()
function framed(element) {
  const root = element.getRootNode()
  if (FRAMED.has(root)) return
  FRAMED.add(root)
  const style = document.createElement("style")
  style.textContent = ":focus-visible { outline: 2px solid var(--panel-primary-color, #234ac0) !important; outline-offset: -2px }"
  root.append(style)
}

// Panel 1.9 gives a table its stylesheets anew while it waits for the old ones: it would wait for ever to draw itself
// whole, and tick none of the rows that are chosen.
function styled(table) {
  for (const link of table.shadow_el.querySelectorAll("link[rel=stylesheet]"))
    if (link.sheet) table._initialized_stylesheets?.set(link.href, true)
}

let named = 0  // when, in milliseconds
let escaped = false  // whether Escape is held that ended a reading

// Keys need places to stop at, and those who hear the page need their names; libraries leave some of both out.
function name_all(label) {
  if (performance.now() - named < 400) return  // keys repeat faster than pages change
  named = performance.now()
  for (const f of figures()) {
    const canvas = f.canvas_view.events_el
    framed(canvas)
    canvas.setAttribute("role", "application")  // keys are for it, not for moving through the page
    canvas.setAttribute("aria-label", `Picture: ${f.model.html_attributes["aria-label"] ?? f.model.name}`)
    canvas.setAttribute("aria-description", HOW)
    for (const tool of deep(f.el.shadowRoot, ".bk-OnOffButton, .bk-ClickButton")) {
      framed(tool)
      tool.setAttribute("role", "button")
      tool.setAttribute("aria-label", tool.title)
      if (tool.classList.contains("bk-OnOffButton"))
        tool.setAttribute("aria-pressed", String(tool.classList.contains("bk-active")))
    }
  }
  for (const table of tables()) {
    styled(table)
    const grid = table.shadow_el.querySelector("[role=grid]") ?? table.shadow_el
    grid.setAttribute("aria-label", `Table: ${label}`)
    for (const head of table.shadow_el.querySelectorAll(".tabulator-col.tabulator-sortable"))
      if (head.textContent.trim()) head.tabIndex = 0
    table.shadow_el.querySelector(".tabulator-tableholder").tabIndex = -1
    // One stop a table, as grids have it: arrow keys move within.
    const cells = [...table.shadow_el.querySelectorAll(".tabulator-row .tabulator-cell")].filter(shown)
    const here = table.shadow_el.activeElement?.closest?.(".tabulator-cell")
    const first = here ?? cells.find(c => c.closest(".tabulator-selected")) ?? cells[0]
    for (const cell of cells) {
      cell.tabIndex = cell == first ? 0 : -1
      for (const box of cell.querySelectorAll("input")) box.tabIndex = -1
      if (cell.matches(STAR)) cell.setAttribute("aria-label", `${cell.textContent.trim()}, the reference or not`)
    }
  }
  // What the frame around the pages draws for its looks alone.
  for (const empty of deep(document, ".MuiToolbar-root > h5, header > [role=progressbar]"))
    empty.setAttribute("aria-hidden", "true")
  for (const item of deep(document, ".MuiListItemButton-root")) {
    if (item.textContent.endsWith(label)) item.setAttribute("aria-current", "page")
    else item.removeAttribute("aria-current")
  }
}

function move(range, scale, by, zoom) {
  const log = scale.type == "LogScale"
  const there = x => (log ? Math.log(x) : x), back = x => (log ? Math.exp(x) : x)
  const a = there(range.start), b = there(range.end)
  const middle = (a + b) / 2 + by * (b - a), half = (zoom * (b - a)) / 2
  range.have_updated_interactively = true  // as with Bokeh's own zooming: new data leave it where it is
  range.setv({ start: back(middle - half), end: back(middle + half) })
}

// Arrow keys read a picture, with Shift they move it, plus and minus zoom, 0 shows all of it. Enter does what a click
// does on what is read, else it selects what is in sight; Escape ends the reading, else it selects nothing.
function in_picture(f, event, hear) {
  const { x_range, y_range, x_scale, y_scale, toolbar } = f.model
  const has = type => toolbar.tools.some(t => t.type == type)
  const tool = type => [...f.tool_views.values()].find(t => t.model.type == type)
  const both = (dx, dy, zoom) => {
    stop_reading()
    move(x_range, x_scale, dx, zoom)
    move(y_range, y_scale, dy, zoom)
  }
  const box = tool("BoxSelectTool"), tap = tool("TapTool"), read_now = reading?.f == f
  if (event.key in ARROWS && !event.shiftKey) hear(read(f, event.key))
  else if (read_now && event.key == "Escape") {
    stop_reading()
    escaped = true
  } else if (read_now && tap && event.key == "Enter")
    tap._handle_tap({ sx: reading.sx, sy: reading.sy, modifiers: { shift: event.shiftKey, ctrl: false, alt: false } })
  else if (has("PanTool") && event.key in ARROWS) both(...ARROWS[event.key].map(d => d * PAN), 1)
  else if (has("PanTool") && "+=".includes(event.key)) both(0, 0, ZOOM)
  else if (has("PanTool") && event.key == "-") both(0, 0, 1 / ZOOM)
  else if (has("PanTool") && event.key == "0") {
    stop_reading()
    f.reset_range()
  } else if (box && event.key == "Enter") {
    const { left, right, top, bottom } = f.frame.bbox
    box._do_select([left, right], [top, bottom], true, event.shiftKey ? "append" : "replace")
  } else if (box && event.key == "Escape") box.model.clear.emit()
  else return false
  return true
}

// What was chosen in a table is drawn anew when the server has answered: the keyboard stays where it was.
function keep(cell) {
  const table = tables().find(t => t.shadow_el.contains(cell))?.tabulator
  const index = table?.getRow(cell.parentElement)?.getIndex()
  const at = [...cell.parentElement.children].indexOf(cell)
  const until = performance.now() + 3000
  const look = () => {
    if (document.activeElement == document.body) {
      const again = table?.getRow(index)?.getElement()?.children[at]
      if (again) again.tabIndex = 0
      again?.focus()
    }
    if (performance.now() < until) setTimeout(look, 60)
  }
  if (index !== undefined) look()
}

// Arrow keys move through a table; Enter and Space do what a click does.
function in_table(cell, event) {
  if (event.key == "Enter" || event.key == " ") {
    keep(cell)
    ;(cell.querySelector("input") ?? cell).click()
    return true
  }
  if (!(event.key in ARROWS)) return false
  const [right, up] = ARROWS[event.key], row = cell.parentElement
  const beside = up > 0 ? row.previousElementSibling : up < 0 ? row.nextElementSibling : row
  const seen = [...(beside?.children ?? [])].filter(c => c.matches(".tabulator-cell") && shown(c))
  const field = cell.getAttribute("tabulator-field")
  const to = right ? seen[seen.indexOf(cell) + right] : seen.find(c => c.getAttribute("tabulator-field") == field)
  if (to) {
    cell.tabIndex = -1
    to.tabIndex = 0
    to.focus()
  }
  return true
}

// Lists of choices that panel-material-ui opens by the pointer alone, and whose choices it calls items of a menu.
function open_list(field) {
  field.click()
  setTimeout(() => {
    for (const choice of deep(document, "[role=listbox] > [role=menuitem]")) choice.setAttribute("role", "option")
  }, 100)
}

// A list that fades out is still a stop, and when it is gone it leaves the keyboard nowhere: Tab passes it by.
function leave_closed_lists() {
  if (deep(document, "[role=combobox][aria-expanded=true]").next().done)
    for (const list of deep(document, "[role=listbox]")) (list.closest("[role=presentation]") ?? list).inert = true
}

// What does not fit its cell or its field is shown whole by the pointer: as text, whatever it holds.
function whole(event) {
  const field = event.composedPath().find(e => e.tagName == "INPUT" && e.type == "text")
  if (field) return void (field.title = field.scrollWidth > field.clientWidth ? field.value : "")
  const cell = event.composedPath().find(e => e.classList?.contains("tabulator-cell"))
  if (!cell || cell.title) return
  const table = tables().find(t => t.shadow_el.contains(cell))
  const name = table?.tabulator.getRow(cell.closest(".tabulator-row"))?.getData().whole
  const inner = cell.firstElementChild ?? cell
  if (name && cell.textContent.includes("…")) cell.title = name
  else if (inner.scrollWidth > inner.clientWidth || cell.scrollWidth > cell.clientWidth) cell.title = cell.textContent
}

function skip_link() {
  const link = document.createElement("a")
  link.href = "#"
  link.textContent = "Skip to the page"
  link.className = "pv-skip"
  link.style.cssText =
    "position: fixed; left: 12px; top: -60px; z-index: 2000; padding: 10px 16px; border-radius: 6px; " +
    "background: #234ac0; color: #fff; font: 600 14px system-ui, sans-serif; outline-offset: 2px"
  link.addEventListener("focus", () => { link.style.top = "10px" })
  link.addEventListener("blur", () => { link.style.top = "-60px" })
  link.addEventListener("click", event => {
    event.preventDefault()
    const main = deep(document, "main").next().value
    main.tabIndex = -1
    main.style.outline = "none"
    main.focus()
  })
  document.body.prepend(link)
  return link
}

// What is told to those who hear the page; said again where the same is told twice.
function live_region() {
  const region = document.createElement("div")
  region.className = "pv-heard"
  region.setAttribute("role", "status")
  region.style.cssText = "position: fixed; top: 0; left: 0; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)"
  document.body.append(region)
  const hear = text => { region.textContent = text && text == region.textContent ? `${text}\u00a0` : text }
  return [region, hear]
}

export function render({ model }) {
  const [region, hear] = live_region()
  model.on("heard", () => hear(model.heard))

  const show = () => {
    const [query, step] = model.address
    if (location.search === query) return
    const wanted = location.pathname + query
    if (step) history.pushState({}, "", wanted)
    else history.replaceState({}, "", wanted)
  }
  const back = () => { model.address = [location.search, false] }
  model.on("address", show)
  window.addEventListener("popstate", back)

  const titled = () => {
    document.title = [model.label, model.study, "pruneviz"].filter(Boolean).join(" · ")
    setTimeout(() => name_all(model.label), SOON)
  }
  model.on("label", titled)
  titled()

  const keys = event => {
    const path = event.composedPath(), at = path[0]
    if (event.key == "Tab") {
      leave_closed_lists()
      return name_all(model.label)
    }
    const typing = at.isContentEditable || TYPED.includes(at.tagName)
    const held = event.ctrlKey || event.metaKey
    if (held && !event.altKey && event.key.toLowerCase() == "z" && !typing) {  // fields have their own undoing
      event.preventDefault()
      if (event.shiftKey) model.redone += 1
      else model.undone += 1
      return
    }
    if (held || event.altKey || typing) return
    if (event.key == "Escape" && model.said) model.send_msg({ close: true })
    if (at.classList?.contains("bk-events")) {
      const f = figures().find(v => path.includes(v.el))
      const grid = f?.model.name == "sample_grid" && event.key in ARROWS
      if (grid) model.send_msg({ walk: event.key })
      if (grid || (f && in_picture(f, event, hear))) event.preventDefault()
    } else if (at.matches?.(".tabulator-cell")) {
      if (in_table(at, event)) event.preventDefault()
    } else if (at.matches?.(".MuiSelect-select") && OPENS.includes(event.key)) {
      event.preventDefault()
      if (event.key != " ") open_list(at)  // else when it is let go, which would choose what is under it by then
    } else if (event.key == "Enter" && at.matches?.(".tabulator-col")) {
      event.preventDefault()
      at.click()
    }
  }
  // Bokeh clears the selection when Escape is let go: not after an Escape that was meant for the reading.
  const let_go = event => {
    const at = event.composedPath()[0]
    if (event.key == " " && at.matches?.(".MuiSelect-select")) open_list(at)
    if (event.key == "Escape" && escaped) event.stopImmediatePropagation()
    escaped = false
  }
  document.addEventListener("keydown", keys)
  document.addEventListener("keyup", let_go, true)
  document.addEventListener("mouseover", whole)
  document.addEventListener("focusout", stop_reading)

  const sign = document.createElement("span")
  sign.setAttribute("role", "status")
  sign.style.cssText = "font-size: 13px; opacity: 0.75; white-space: nowrap; line-height: 24px"
  let waiting = null
  const busy = () => {
    clearTimeout(waiting)
    if (model.busy) waiting = setTimeout(() => { sign.textContent = "working …" }, 200)
    else {
      sign.textContent = ""
      setTimeout(() => name_all(model.label), SOON)
    }
  }
  model.on("busy", busy)
  const skip = skip_link()
  model.on("remove", () => {
    window.removeEventListener("popstate", back)
    document.removeEventListener("keydown", keys)
    document.removeEventListener("keyup", let_go, true)
    document.removeEventListener("mouseover", whole)
    document.removeEventListener("focusout", stop_reading)
    region.remove()
    clearTimeout(waiting)
    skip.remove()
  })
  return sign
}
