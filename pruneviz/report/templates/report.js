// The page's own script: writes packed data out, has BokehJS draw the pictures, and links them with each other, with
// the tables and with the images. It runs from disk under a policy that forbids the network and eval; whatever comes
// from the study reaches the page as text.
"use strict";
(() => {
  const PAGE = 10; // images shown at once
  const CROWDED = 1500; // points of a picture above which paper gets pixels instead of vectors
  const $ = (id) => document.getElementById(id);
  const read = (name) => ($(`data-${name}`) ? JSON.parse($(`data-${name}`).textContent) : null);
  const make = (tag, text, name) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  };

  // -- packed data

  const numbers = ({ bits, data }) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    return bits === 8 ? bytes : bits === 16 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
  };
  const objects = function* (node) {
    if (node === null || typeof node !== "object") return;
    if (node.type === "object") yield node;
    for (const value of Array.isArray(node) ? node : Object.values(node)) yield* objects(value);
  };
  const images = read("images");
  const unpack = (model) => {
    for (const entry of model.attributes?.data?.entries ?? []) {
      const column = entry[1];
      if (column?.type === "texts") entry[1] = Array.from(numbers(column), (code) => column.texts[code]);
      else if (column?.type === "names") entry[1] = images.names;
    }
  };

  // -- the pictures

  const figures = read("figures");
  const wantsDark = matchMedia("(prefers-color-scheme: dark)");
  let views = [];
  let doc = null;
  let theme = wantsDark.matches ? "dark" : "light";

  const column = (source, name) => (source.data instanceof Map ? source.data.get(name) : source.data[name]);
  const runtime = (value) => {
    if (value?.type === "value") return { value: value.value };
    return value?.type === "map" ? new Map(value.entries) : value;
  };

  function darken(json) {
    const byId = new Map(Array.from(objects(json), (o) => [o.id, o]));
    for (const [id, key, name, , dark] of figures.dark) {
      const attributes = (byId.get(id).attributes ??= {});
      if (name === null) attributes[key] = dark;
      else attributes[key].entries.find((e) => e[0] === name)[1] = dark;
    }
  }

  function paint(wanted) {
    if (doc === null || wanted === theme) return;
    theme = wanted;
    const columns = new Map();
    for (const [id, key, name, light, dark] of figures.dark) {
      const model = doc.get_model_by_id(id);
      const value = wanted === "dark" ? dark : light;
      if (name === null) model.setv({ [key]: runtime(value) });
      else {
        const data = model.data instanceof Map ? model.data : Object.entries(model.data);
        if (!columns.has(model)) columns.set(model, new Map(data));
        columns.get(model).set(name, value);
      }
    }
    for (const [model, data] of columns) model.data = data;
  }

  async function draw() {
    const json = figures.document;
    for (const model of objects(json)) if (model.name === "ColumnDataSource") unpack(model);
    if (theme === "dark") darken(json);
    const roots = figures.roots;
    const item = { docid: "report", roots, root_ids: Object.keys(roots) };
    const [made] = await Bokeh.embed.embed_items({ report: json }, [item]);
    views = [...made].filter((v) => v.model.id in roots);
    doc = views.length ? views[0].model.document : null;
    wantsDark.addEventListener("change", () => paint(wantsDark.matches ? "dark" : "light"));
    addEventListener("beforeprint", forPaper);
    addEventListener("afterprint", backFromPaper);
  }

  // -- paper: light, at the paper's width, as vectors where there are not too many points

  const hosts = () => views.map((view) => [view, $(figures.roots[view.model.id])]);

  function settle(view) {
    // Colours are read again by views when they next find time; on paper they are needed now.
    for (const renderer of view.computed_renderer_views) {
      const { glyph, selection_glyph, nonselection_glyph, decimated_glyph, muted_glyph } = renderer;
      for (const each of [glyph, selection_glyph, nonselection_glyph, decimated_glyph, muted_glyph]) {
        each?.set_visuals?.(renderer.model.data_source, renderer.all_indices);
      }
    }
  }

  function crowd(view) {
    const sizes = view.computed_renderer_views.map((r) => r.all_indices?.count ?? 0);
    return sizes.reduce((a, b) => a + b, 0);
  }

  function forPaper() {
    backFromPaper(); // what an earlier print that never ended may have left
    document.documentElement.classList.add("for-paper");
    paint("light");
    for (const [view, host] of hosts()) {
      view.compute_layout();
      settle(view);
      const vector = crowd(view) <= CROWDED;
      const layer = view.export(vector ? "svg" : "png");
      const drawn = vector ? layer.ctx.get_svg() : layer.canvas;
      const { width, height } = view.bbox;
      if (vector) drawn.setAttribute("viewBox", `0 0 ${width} ${height}`);
      drawn.classList.add("snapshot");
      host.append(drawn);
    }
  }

  function backFromPaper() {
    document.documentElement.classList.remove("for-paper");
    for (const old of document.querySelectorAll(".drawing > .snapshot")) old.remove();
    for (const [view] of hosts()) view.compute_layout();
    paint(wantsDark.matches ? "dark" : "light");
  }

  // -- runs: points of the charts and rows of the tables

  const rows = new Map(); // of the table of all runs, by run id
  for (const row of document.querySelectorAll("#table-runs tr[data-run]")) rows.set(row.dataset.run, row);
  let chosen = new Set();
  let linking = false;

  function choose(ids) {
    if (linking) return;
    linking = true;
    chosen = ids;
    for (const id of figures.runs) {
      const source = doc.get_model_by_id(id);
      const keys = Array.from(column(source, "key"));
      const wanted = keys.flatMap((key, i) => (ids.has(key) ? [i] : []));
      const now = source.selected.indices;
      if (wanted.length !== now.length || wanted.some((v, i) => v !== now[i])) source.selected.indices = wanted;
    }
    for (const [id, row] of rows) row.classList.toggle("chosen", ids.has(id));
    showRuns();
    linking = false;
  }

  function showRuns() {
    const panel = $("selected-runs");
    if (!panel) return;
    panel.hidden = chosen.size === 0;
    panel.replaceChildren();
    if (chosen.size === 0) return;
    const clear = make("button", "Clear selection");
    clear.type = "button";
    clear.addEventListener("click", () => choose(new Set()));
    const table = make("table");
    const head = document.querySelector("#table-runs thead");
    if (head) table.append(head.cloneNode(true));
    const body = make("tbody");
    for (const [id, row] of rows) {
      if (!chosen.has(id)) continue;
      const copy = row.cloneNode(true);
      copy.removeAttribute("class");
      body.append(copy);
    }
    table.append(body);
    const scroll = make("div", undefined, "scroll");
    scroll.append(table);
    const buttons = make("p", undefined, "buttons");
    buttons.append(clear);
    panel.append(make("h3", `${chosen.size} ${chosen.size === 1 ? "run" : "runs"} selected`), buttons, scroll);
  }

  function linkRuns() {
    for (const id of figures.runs) {
      const source = doc.get_model_by_id(id);
      source.selected.properties.indices.change.connect(() => {
        const keys = column(source, "key");
        choose(new Set(Array.from(source.selected.indices, (i) => keys[i])));
      });
    }
    for (const [id, row] of rows) {
      row.addEventListener("click", () => {
        const next = new Set(chosen);
        if (!next.delete(id)) next.add(id);
        choose(next);
      });
    }
  }

  // -- images: what each model says of those that are selected

  function linkImages() {
    const panel = $("gallery");
    if (!images || !panel) return;
    const { names, classes } = images;
    const thumbnails = read("thumbnails");
    const labels = numbers(images.labels);
    const models = images.models.map((m) => ({ label: m.label, says: numbers(m.says), sure: numbers(m.sure) }));
    const order = Array.from(numbers(images.order));
    const place = new Map(order.slice(0, thumbnails.count).map((sample, i) => [sample, i]));
    const source = doc.get_model_by_id(figures.frames.samples);
    const clear = panel.querySelector("[data-do=clear]");
    const before = panel.querySelector("[data-do=before]");
    const after = panel.querySelector("[data-do=after]");
    let shown = order;
    let first = 0;

    const scale = 52 / Math.max(thumbnails.width, thumbnails.height);
    const style = make("style");
    style.textContent = thumbnails.sheets
      .map((address, i) => `.sheet-${i}{background-image:url(${address})}`)
      .join("\n");
    document.head.append(style);

    function thumbnail(sample) {
      const at = place.get(sample);
      if (at === undefined) {
        const absent = make("span", undefined, "thumbnail absent");
        absent.title = "This image's thumbnail is not in the file.";
        return absent;
      }
      const { each, across, width, height } = thumbnails;
      const made = make("span", undefined, `thumbnail sheet-${Math.floor(at / each)}`);
      const x = (at % each) % across;
      const y = Math.floor((at % each) / across);
      made.style.width = `${width * scale}px`;
      made.style.height = `${height * scale}px`;
      made.style.backgroundSize = `${width * scale * across}px auto`;
      made.style.backgroundPosition = `${-x * width * scale}px ${-y * height * scale}px`;
      made.setAttribute("role", "img");
      made.setAttribute("aria-label", names[sample]);
      return made;
    }

    function head(table, titles) {
      const row = make("tr");
      for (const title of titles) row.append(make("th", title));
      const made = make("thead");
      made.append(row);
      table.replaceChildren(made);
    }

    function showCounts() {
      const table = panel.querySelector(".counts");
      head(table, ["Model", "Right", "Right to wrong", "Wrong to right", "To another wrong class"]);
      const body = make("tbody");
      const [reference] = models;
      models.forEach((model, m) => {
        const found = [0, 0, 0, 0];
        for (const i of shown) {
          const was = reference.says[i] === labels[i];
          const is = model.says[i] === labels[i];
          found[0] += is;
          found[1] += was && !is;
          found[2] += !was && is;
          found[3] += !was && !is && model.says[i] !== reference.says[i];
        }
        const row = make("tr");
        if (m === 0) row.className = "strong";
        row.append(make("td", m === 0 ? `★ ${model.label}` : model.label));
        found.forEach((count, k) => {
          const share = shown.length ? ` (${((100 * count) / shown.length).toFixed(1)} %)` : "";
          row.append(make("td", m === 0 && k > 0 ? "–" : `${count.toLocaleString("en")}${share}`, "number"));
        });
        body.append(row);
      });
      for (const cell of table.querySelectorAll("th:nth-child(n+2)")) cell.className = "number";
      table.append(body);
    }

    function showImages() {
      const table = panel.querySelector(".images");
      head(table, ["", "True class", ...models.map((m, i) => (i === 0 ? `★ ${m.label}` : m.label))]);
      const body = make("tbody");
      for (const sample of shown.slice(first, first + PAGE)) {
        const row = make("tr");
        row.dataset.sample = names[sample];
        const picture = make("td");
        picture.append(thumbnail(sample));
        const truth = make("td", classes[labels[sample]]);
        truth.append(make("small", names[sample]));
        row.append(picture, truth);
        for (const model of models) {
          const right = model.says[sample] === labels[sample];
          const words = `${right ? "✓" : "✗"} ${classes[model.says[sample]]}`;
          const said = make("span", words, right ? "said right" : "said wrong");
          said.title = words;
          said.append(make("small", `${model.sure[sample]} %`));
          const cell = make("td");
          cell.append(said);
          row.append(cell);
        }
        body.append(row);
      }
      table.append(body);
      const last = Math.min(first + PAGE, shown.length);
      const some = shown.length < order.length;
      const count = shown.length.toLocaleString("en");
      const which = some ? `${count} selected ${shown.length === 1 ? "image" : "images"}` : `all ${count} images`;
      panel.querySelector(".status").textContent =
        `Images ${(first + 1).toLocaleString("en")} to ${last.toLocaleString("en")} of ${which}, those that most models ` +
        `see differently first. ${some ? "" : "Select points in any scatter above to see theirs."}`;
      clear.hidden = !some;
      before.disabled = first === 0;
      after.disabled = last >= shown.length;
    }

    function show() {
      const wanted = new Set(source.selected.indices);
      shown = wanted.size ? order.filter((i) => wanted.has(i)) : order;
      first = 0;
      showCounts();
      showImages();
    }

    source.selected.properties.indices.change.connect(show);
    clear.addEventListener("click", () => (source.selected.indices = []));
    before.addEventListener("click", () => ((first = Math.max(0, first - PAGE)), showImages()));
    after.addEventListener("click", () => ((first += PAGE), showImages()));
    show();
  }

  // -- tables: sorted by a click on a column's head

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((th, i) => {
      const button = make("button", th.textContent);
      button.type = "button";
      th.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = th.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        th.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => {
          const cell = row.cells[i];
          return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
        };
        const order = (a, b) => {
          const [x, y] = [value(a), value(b)];
          if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1; // rows without a number come last
          return (down ? -1 : 1) * (typeof x === "number" ? x - y : x.localeCompare(y));
        };
        table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
      });
    });
  }

  for (const name of ["comparison", "configurations", "runs"]) {
    const table = document.querySelector(`#table-${name} table`);
    if (table) sortable(table);
  }
  draw().then(() => {
    if (doc !== null) {
      linkRuns();
      linkImages();
    }
    document.documentElement.dataset.ready = "yes"; // for whoever waits for the pictures
  });
})();
