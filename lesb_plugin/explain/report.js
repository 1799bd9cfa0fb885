// Fades the colours over the photographs. Without this script they are simply there.
(() => {
  "use strict";
  const slider = document.getElementById("fade");
  if (slider) {
    const control = slider.closest(".blend");
    const shown = control.querySelector("output");
    const apply = () => {
      shown.textContent = `${slider.value} %`;
      slider.setAttribute("aria-valuetext", `colours at ${slider.value} %`);
      document.documentElement.style.setProperty("--fade", String(slider.value / 100));
    };
    slider.addEventListener("input", apply);
    control.hidden = false;
    apply();
  }
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  addEventListener("hashchange", open);
  open();
})();
