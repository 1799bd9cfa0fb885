// What the theme leaves out: names for its search and its buttons, scrolling by keyboard.
const helped = () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  document.querySelectorAll(".md-code__nav").forEach((each, number) => {
    each.setAttribute("aria-label", `Code ${number + 1}`);
  });
  for (const each of document.querySelectorAll("pre > code, .md-typeset__scrollwrap")) {
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
  }
};
addEventListener("load", helped);
addEventListener("resize", helped);
