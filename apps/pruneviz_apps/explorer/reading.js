// What stands in a picture, read one by one: the words that the pointer would show are heard, the place is marked.
// One module together with in_browser.js.

// How far each arrow key goes across and up, in the picture's own directions.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }
const FAR = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" }
const NEAR = 0.5  // pixels: what is no further apart stands at the same place

let reading = null  // what is read now: its figure, renderer, index and place

// All that the pointer could show of a figure, where it is in sight, each once.
function told(f) {
  const found = [], taken = new Set()
  const tools = [...f.tool_views.values()].filter(t => t.model.type == "HoverTool")
  const pairs = tools.flatMap(tool => tool.computed_renderers.map(renderer => ({ tool, renderer })))
  // A line comes last: where its corners are points as well, those tell more.
  const lines = pairs.filter(p => p.renderer.glyph.type == "Line")
  for (const { tool, renderer } of [...pairs.filter(p => !lines.includes(p)), ...lines]) {
    const view = f.views.find_one(renderer)
    if (!view || !renderer.visible) continue
    const line = renderer.glyph.type == "Line", source = renderer.data_source
    const shared = f.model.renderers.filter(r => r.data_source == source).length > 1
    const chosen = shared && source.selected.indices.length ? new Set(source.selected.indices) : null
    for (const one of places(view)) {
      const at = `${Math.round(one.sx)} ${Math.round(one.sy)}`
      if (!f.frame.bbox.contains(one.sx, one.sy) || (line && taken.has(at))) continue
      if (chosen && !chosen.has(one.index)) continue
      taken.add(at)
      found.push({ ...one, f, tool, renderer, line, chosen: chosen !== null })
    }
  }
  return found
}

// Where each mark of a renderer stands on the screen. Rows that are counted stand in cells, which have no other name
// than their place.
function* places({ glyph, model, coordinates: { x_scale, y_scale } }) {
  const { data } = model.data_source
  const centre = (k, x, y) => ({ sx: x_scale.compute(glyph.x[k] + x), sy: y_scale.compute(glyph.y[k] + y) })
  const count = data.count?.[0]
  if (count) {
    const [rows, columns] = count.shape ?? [count.length, count[0].length]
    const [dw, dh] = [glyph.dw.get(0) / columns, glyph.dh.get(0) / rows]
    for (let flat = 0; flat < rows * columns; flat++) {
      const i = flat % columns, j = Math.floor(flat / columns)
      const cell = { index: 0, i, j, flat_index: flat }
      const [x, y] = [(i + 0.5) * dw, (j + 0.5) * dh]
      const where = `across: ${+(glyph.x[0] + x).toPrecision(3)}; up: ${+(glyph.y[0] + y).toPrecision(3)}`
      if (count[flat]) yield { index: flat, cell, where, ...centre(0, x, y) }
    }
    return
  }
  for (let k = 0; k < glyph.data_size; k++) {
    const index = model.view.convert_indices_from_subset([k])[0]
    if (glyph.dw) {
      const cell = { index, i: 0, j: 0, flat_index: 0 }
      yield { index, cell, ...centre(k, glyph.dw.get(k) / 2, glyph.dh.get(k) / 2) }
    } else {
      const [sx, sy] = glyph.scenterxy(k, NaN, NaN)
      yield { index, sx, sy }
    }
  }
}

// What an arrow key leads to: along a row or a column where marks stand in such, else the next one across or up.
// Marks at one place follow each other, so that each can be reached.
function next(marks, from, [across, up]) {
  const forward = across + up > 0
  const along = m => (across ? across * (m.sx - from.sx) : up * (from.sy - m.sy))
  const aside = m => Math.abs(across ? m.sy - from.sy : m.sx - from.sx)
  const place = marks.findIndex(m => m.renderer == from.renderer && m.index == from.index)
  const here = marks.filter((m, k) => Math.abs(along(m)) < NEAR && aside(m) < NEAR && (forward ? k > place : k < place))
  if (here.length) return forward ? here[0] : here.at(-1)
  const lanes = new Set(marks.map(m => Math.round(across ? m.sy : m.sx)))
  const ahead = marks.filter(m => along(m) >= NEAR)
  const lane = lanes.size <= marks.length / 2 ? ahead.filter(m => aside(m) < NEAR) : []
  const among = lane.length ? lane : ahead
  const nearest = Math.min(...among.map(along))
  return among.filter(m => along(m) < nearest + NEAR).sort((a, b) => aside(a) - aside(b))[0] ?? null
}

// Mark what is read, and show over it what the pointer would show; gives those words.
function point_at(mark) {
  const { f, tool, renderer, index, cell, where, line, sx, sy } = mark
  const { data_source: source } = renderer
  const inspector = source.selection_manager.get_or_create_inspector(renderer)
  if (cell) inspector.image_indices = [cell]
  else if (line) inspector.line_indices = [index]
  else inspector.indices = [index]
  source.setv({ inspected: inspector }, { silent: true })
  source.inspect.emit([renderer, { geometry: { type: "point", sx, sy } }])
  Object.assign(ring(f).style, { display: "block", left: `${sx}px`, top: `${sy}px` })
  const cells = [...(tool.ttmodels.get(renderer)?.content.querySelectorAll("[style*=grid] > div") ?? [])]
  const words = cells.map(e => e.textContent.trim())
  const pairs = words.flatMap((title, k) => (k % 2 ? [] : [[title, words[k + 1]].filter(Boolean).join(": ")]))
  return [...pairs, where].filter(Boolean).join("; ")
}

function ring(f) {
  const over = f.canvas_view.overlays_el
  let found = over.querySelector(".pv-read")
  if (!found) {
    found = document.createElement("div")
    found.className = "pv-read"
    found.style.cssText =
      "position: absolute; box-sizing: border-box; width: 24px; height: 24px; margin: -12px; " +
      "border: 3px solid var(--color); border-radius: 50%; box-shadow: 0 0 0 2px var(--background-color); pointer-events: none; z-index: 2"
    over.append(found)
  }
  return found
}

function stop_reading() {
  if (reading === null) return
  const { f, renderer } = reading
  reading = null
  ring(f).style.display = "none"
  const inspector = renderer.data_source.selection_manager.get_or_create_inspector(renderer)
  inspector.clear()
  renderer.data_source.inspect.emit([renderer, { geometry: { type: "point", sx: NaN, sy: NaN } }])
}

// Read what lies in an arrow key's direction; gives what is heard then.
function read(f, arrow) {
  const marks = told(f)
  if (!marks.length) return "Nothing in sight that can be read."
  const [across, up] = ARROWS[arrow]
  const before = reading?.f == f ? reading : null
  const order = (a, b) => across * (a.sx - b.sx) - up * (a.sy - b.sy) || a.sy - b.sy || a.sx - b.sx
  const mark = before ? next(marks, before, [across, up]) : marks.sort(order)[0]
  if (mark === null) return `Nothing further ${FAR[arrow]}.`
  stop_reading()
  reading = mark
  const text = point_at(mark)
  const many = `${marks.length.toLocaleString("en")} ${mark.chosen ? "selected " : ""}in sight. `
  return (before ? "" : many) + text
}
