"use strict";
/* Ground: data out of its elements, words, numbers, elements. Text from outside is only ever set as text. */

const WORDS = JSON.parse(document.getElementById("words").textContent);
const GROUP = 50;
const BEFORE = 3;  // rows above the one that a link leads to

/* Return the text of a key, with {name} filled in. */
function say(key, values = {}) {
  return WORDS[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/* Return the word for a name of the program; one without a word stands for itself. */
function known(prefix, name) {
  return WORDS[`${prefix}.${name}`] ?? String(name).replaceAll("_", " ");
}

/* Return the fate of a decision in words: `refused: gate KEY` names the door, and keeps the key. */
function fated(fate) {
  const [, door, key] = fate.match(/^refused: (gate|lock)(?: (.*))?$/) ?? fate.match(/^refused: (.*)()$/) ?? [];
  if (!door) return known("fate", fate);
  return say("fate.refused", {door: known("door", door)}) + (key ? ` (${key})` : "");
}

const inflated = new Map();

/* Return the text that an element holds, deflated, in base64; it is inflated once. */
function text(name) {
  if (!inflated.has(name)) inflated.set(name, inflate(document.getElementById(`data-${name}`).textContent));
  return inflated.get(name);
}

async function inflate(base64) {
  const found = atob(base64), bytes = new Uint8Array(found.length);
  for (let i = 0; i < found.length; i++) bytes[i] = found.charCodeAt(i);  // Uint8Array.from takes ten times as long
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}

async function data(name) {
  return JSON.parse(await text(name));
}

/* Return one of many values that are kept in groups of neighbours. */
async function fromGroup(name, index) {
  return (await data(`${name}-${Math.floor(index / GROUP)}`))[index % GROUP];
}

/* Return an element; children are elements or text. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter(one => one !== null && one !== undefined));
  return made;
}

/* Numbers and times as a person reads them; times are UTC. */
const NONE = "–";
const signedForms = new Map();

function numbered(value, digits = 2, signed = false) {
  if (value === null || value === undefined) return NONE;
  const key = `${digits}${signed}`;
  if (!signedForms.has(key)) {
    const options = {minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: signed ? "exceptZero" : "negative"};
    signedForms.set(key, new Intl.NumberFormat("en-US", options));
  }
  return signedForms.get(key).format(value).replace("-", "−");
}

const percent = (ratio, digits = 2, signed = true) => ratio === null || ratio === undefined ? NONE : numbered(100 * ratio, digits, signed) + " %";
const price = value => value === null || value === undefined ? NONE : String(Number(value.toPrecision(7)));
const stamp = seconds => new Date(seconds * 1000).toISOString();
const minute = seconds => seconds === null ? NONE : stamp(seconds).slice(0, 16).replace("T", " ");
const shortMinute = seconds => minute(seconds).slice(5);
const tone = value => value > 0 ? "up" : value < 0 ? "down" : "";
const base = pair => pair.split(":")[0];

function lasted(seconds) {
  const hours = seconds / 3600;
  if (hours < 48) return say("js.hours", {n: numbered(hours, hours < 10 ? 1 : 0)});
  return say("js.days", {n: numbered(hours / 24, 1)});
}

/* A colour of the page as the browser sees it now; asked once a theme, since each question lays the page out anew. */
const shades = new Map();
const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);

function colour(name) {
  if (!shades.has(name)) {
    probe.style.color = `var(--${name})`;
    shades.set(name, getComputedStyle(probe).color);
  }
  return shades.get(name);
}

/* A table whose rows open: `columns` are [key, class]; `shown` gives the cells, `opened` the story beneath. It holds the
   rows from `first` up to `end` of those found: thousands would take a browser seconds to lay out. */
class OpeningTable {
  constructor(name, columns, {anchor, shown, opened, step = 100}) {
    this.table = document.getElementById(`${name}-table`);
    this.body = this.table.tBodies[0];
    this.later = document.getElementById(`${name}-more`);
    this.earlier = document.getElementById(`${name}-earlier`);
    Object.assign(this, {anchor, shown, opened, step, columns, found: [], first: 0, end: 0, rows: new Map()});
    this.table.tHead.append(el("tr", {}, columns.map(([key, kind]) => el("th", {scope: "col", class: kind}, say(key)))));
    this.later.addEventListener("click", () => this.grow());
    this.earlier.addEventListener("click", () => this.show(this.found, Math.max(0, this.first - this.step)));
  }

  /* Show these of all rows, by their numbers, beginning with the `first` of them. */
  show(found, first = 0) {
    Object.assign(this, {found, first, end: first});
    this.rows.clear();
    this.body.replaceChildren();
    this.earlier.hidden = first === 0;
    this.earlier.textContent = say("js.earlier", {n: numbered(first, 0)});
    this.grow();
  }

  grow() {
    const until = Math.min(this.found.length, this.end + this.step);
    this.body.append(...this.found.slice(this.end, until).map(index => this.row(index)));
    this.end = until;
    this.later.hidden = until === this.found.length;
    this.later.textContent = say("js.more", {n: numbered(this.found.length - until, 0)});
  }

  row(index) {
    const cells = this.shown(index);
    const opener = el("button", {type: "button", class: "opener", "aria-expanded": "false", id: `${this.anchor}-${index}`}, cells.shift());
    const row = el("tr", {class: ["row", cells.quiet].filter(Boolean).join(" ")}, el("td", {}, opener),
      cells.map((cell, place) => el("td", {class: this.columns[place + 1][1]}, cell)));
    row.addEventListener("click", event => {
      if (event.target.closest("a") || getSelection().toString()) return;
      this.toggle(index);
    });
    this.rows.set(index, row);
    return row;
  }

  async toggle(index, wanted = null) {
    const row = this.rows.get(index), opener = row.querySelector(".opener");
    const isOpen = opener.getAttribute("aria-expanded") === "true";
    if (wanted === isOpen) return;
    opener.setAttribute("aria-expanded", String(!isOpen));
    row.classList.toggle("open", !isOpen);
    const id = `${this.anchor}-${index}-story`;
    if (isOpen) {
      document.getElementById(id)?.parentElement.remove();
      opener.removeAttribute("aria-controls");
      return;
    }
    const cell = el("td", {colspan: this.columns.length, class: "detail", id}, await this.opened(index));
    if (opener.getAttribute("aria-expanded") !== "true" || document.getElementById(id)) return;  // closed meanwhile
    opener.setAttribute("aria-controls", id);
    row.after(el("tr", {class: "detail-row"}, cell));
  }

  /* Open a row, and bring it into view. */
  async reveal(index) {
    const place = this.found.indexOf(index);
    if (place < 0) return false;
    if (place < this.first || place >= this.end) this.show(this.found, Math.max(0, place - BEFORE));
    await this.toggle(index, true);
    const opener = document.getElementById(`${this.anchor}-${index}`);
    opener.focus({preventScroll: true});
    opener.scrollIntoView({block: "start"});
    return true;
  }
}

/* A text whose commands stand between backticks. */
const coded = said => said.split("`").map((part, place) => place % 2 ? el("code", {}, part) : part);

/* A piece of an opened row: nothing where there is nothing to say. */
function piece(title, content, kind = "") {
  if (content === null || content === undefined || (Array.isArray(content) && !content.length)) return null;
  return el("div", {class: `piece ${kind}`}, el("h3", {}, title), content);
}

const listed = items => items?.length ? el("ul", {}, items.map(one => el("li", {}, one))) : null;
const pairsOf = entries => el("dl", {class: "pairs"}, entries.filter(Boolean).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
