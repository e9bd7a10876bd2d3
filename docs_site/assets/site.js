// The pages read without this. It tells times from the reader's clock, searches, and copies links.
"use strict";

// A built page ages: times are told again, so that an old page can't look fresh.
const units = [[86400, "day"], [3600, "hour"], [60, "minute"]];

function spoken(seconds) {
  for (const [size, unit] of units) {
    const count = Math.floor(Math.abs(seconds) / size);
    if (count) {
      const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
      return seconds > 0 ? `${text} ago` : `in ${text}`;
    }
  }
  return "just now";
}

function retell() {
  for (const time of document.querySelectorAll("time:not(.fixed)")) {
    time.textContent = spoken((Date.now() - Date.parse(time.dateTime)) / 1000);
  }
}

retell();
setInterval(retell, 60000);

// Search. Its data are scripts that call `comporta`: a page opened from a folder may load those, and nothing else.
const root = document.documentElement.dataset.root;
const box = document.getElementById("q");
const found = document.getElementById("found");
const main = document.getElementById("main");
const MOST = 50; // results shown at once
const entries = { tables: [], checks: [], verdicts: [] };
let wanted = null, missing = 0, total = 0, shown = MOST;

const comporta = {
  head(data) {
    total = data.count;
    for (const [layer, name, state, path, owner, checks] of data.tables) {
      const table = `${layer}.${name}`;
      entries.tables.push(entry(path, state, table, { table, layer, owner, verdict: state }, owner ? `owner ${owner}` : ""));
      for (const [check, column, anchor] of checks) {
        const fields = { table, layer, owner, check, column, verdict: "" };
        entries.checks.push(entry(`${path}#${anchor}`, "", column ? `${check}(${column})` : check, fields, table));
      }
    }
    missing = data.files.length;
    // One after the other, the newest first: what is asked for most is there soonest.
    const next = () => data.files.length ? load(data.files.shift(), next) : undefined;
    next();
    show();
  },
  chunk(data) {
    for (const [page, index, state, at, rows, version, failed, words] of data.verdicts) {
      const [layer, name, suiteOwner] = data.tables[index];
      const table = `${layer}.${name}`, when = new Date(at * 1000).toISOString();
      const named = failed.map(([check, column]) => column ? `${check}(${column})` : check);
      const fields = {
        table, layer, verdict: state, check: failed.map((one) => one[0]).join(" "), column: failed.map((one) => one[1]).join(" "),
        owner: `${suiteOwner} ${failed.map((one) => one[2]).join(" ")}`,
      };
      const about = [`${when.slice(0, 10)} ${when.slice(11, 16)} UTC`];
      if (rows !== null) about.push(`${rows.toLocaleString("en")} rows`);
      if (version !== null) about.push(`version ${version}`);
      entries.verdicts.push(entry(`verdicts/${page}.html`, state, table, fields, about.join(", "), named.slice(0, 3).join(", "), words));
    }
    missing -= 1;
    show();
  },
};
window.comporta = comporta;

function entry(path, state, title, fields, about, failing = "", words = "") {
  for (const name in fields) fields[name] = fields[name].toLowerCase();
  return { path, state, title, fields, about, failing, all: [title, ...Object.values(fields), about, words].join(" ").toLowerCase() };
}

function load(path, then = () => {}) {
  const script = document.createElement("script");
  script.src = root + path;
  script.onload = then;
  script.onerror = () => tell("The search can't be loaded. Build the site again with make site.");
  document.head.append(script);
}

// "verdict:failed column:email smith" → every term has to be there.
function terms(query) {
  return query.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
    const [, field, value] = word.match(/^(table|layer|check|column|owner|verdict):(.*)$/) || [null, "", word];
    return [field, value];
  });
}

function matching(list, asked) {
  return list.filter((each) => asked.every(([field, value]) => (field ? each.fields[field] || "" : each.all).includes(value)));
}

function tell(text) {
  found.querySelector(".found-count").textContent = text;
}

function element(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text) made.textContent = text;
  return made;
}

function item(each) {
  const line = element("li"), link = element("a", "", each.title);
  link.href = root + each.path;
  if (each.state) line.append(element("span", `found-state is-${each.state}`, each.state));
  line.append(link);
  if (each.about) line.append(" ", element("span", "found-about", each.about));
  if (each.failing) line.append(" ", element("span", "found-failing", each.failing));
  return line;
}

function group(title, all) {
  if (!all.length) return [];
  const list = element("ol");
  list.append(...all.slice(0, shown).map(item));
  const parts = [element("h2", "", `${title} (${all.length.toLocaleString("en")})`), list];
  if (all.length > shown) {
    const more = element("button", "found-more", "Show more");
    more.type = "button";
    more.onclick = () => {
      const first = shown;
      shown += 200;
      show();
      found.querySelectorAll("h2")[[...found.querySelectorAll("h2")].findIndex((one) => one.textContent.startsWith(title))]
        .nextSibling.children[first].querySelector("a").focus();
    };
    parts.push(more);
  }
  return parts;
}

function show() {
  if (wanted === null) return;
  const query = wanted.trim();
  found.hidden = main.hidden = false;
  found.hidden = !query;
  main.hidden = !found.hidden;
  if (!query) return;
  const asked = terms(query);
  const lists = ["tables", "checks", "verdicts"].map((name) => matching(entries[name], asked));
  const count = lists.reduce((sum, list) => sum + list.length, 0);
  const waiting = missing || !total ? `, still reading ${total.toLocaleString("en")} verdicts` : "";
  tell(`${count.toLocaleString("en")} found${waiting}`);
  found.querySelector(".found-list").replaceChildren(...["Tables", "Checks", "Verdicts"].flatMap((title, place) => group(title, lists[place])));
}

function search(query) {
  if (wanted === null) load("search/head.js");
  wanted = query;
  shown = MOST;
  show();
}

function remember(query) {
  const address = new URL(location.href);
  if (query) address.searchParams.set("q", query);
  else address.searchParams.delete("q");
  history.replaceState(null, "", address);
}

function walk(step) {
  const stops = [box, ...found.querySelectorAll("a, button")];
  const next = stops[stops.indexOf(document.activeElement) + step];
  if (next) next.focus();
}

if (box) {
  box.form.hidden = false;
  box.addEventListener("input", () => { search(box.value); remember(box.value.trim()); });
  box.addEventListener("focus", () => wanted === null && search(box.value), { once: true });
  box.form.addEventListener("submit", (event) => { event.preventDefault(); walk(1); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box.focus();
      box.select();
    } else if (event.key === "Escape" && !found.hidden) {
      box.value = "";
      search("");
      remember("");
      box.focus();
    } else if (!found.hidden && (event.target === box || found.contains(event.target)) && /^Arrow(Down|Up)$/.test(event.key)) {
      event.preventDefault();
      walk(event.key === "ArrowDown" ? 1 : -1);
    }
  });
  const asked = new URL(location.href).searchParams.get("q");
  if (asked) {
    box.value = asked;
    search(asked);
  }
}

// The link that a ticket wants: without a query, whole.
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const link = button.previousElementSibling, told = button.nextElementSibling;
    try {
      await navigator.clipboard.writeText(link.href);
      told.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(link); // no clipboard here: at least it is marked
      told.textContent = link.href;
    }
  });
}
