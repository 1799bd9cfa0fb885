// Fades the colours over each face's photograph. Without this script they are simply there.
(() => {
  "use strict";
  for (const control of document.querySelectorAll(".blend")) {
    const slider = control.querySelector("input");
    const shown = control.querySelector("output");
    const coloured = control.closest(".view").querySelectorAll(".over");
    const apply = () => {
      shown.textContent = `${slider.value} %`;
      slider.setAttribute("aria-valuetext", `colours at ${slider.value} %`);
      coloured.forEach((image) => { image.style.opacity = String(slider.value / 100); });
    };
    slider.addEventListener("input", apply);
    control.hidden = false;
    apply();
  }
})();
