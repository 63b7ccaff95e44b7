/* Light or dark: as the reader's system is, until the button says otherwise. */

const root = document.documentElement;

function themed() {
  const button = document.getElementById("theme");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const named = () => { button.textContent = say(isDark() ? "js.light" : "js.dark"); };
  const repaint = () => { named(); shades.clear(); chartsDrawn.forEach(one => one.paint()); };
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; repaint(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  named();
}

/* Load the library of the charts, which is data of this file as all else. */
async function charted() {
  const library = document.createElement("script");
  library.textContent = await text("library");
  document.head.append(library);
}
