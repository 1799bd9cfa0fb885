// Sends a file as soon as it is dropped or chosen; one that is too large is not sent at all.
(() => {
  "use strict";
  const form = document.querySelector("form");
  const field = form.elements.namedItem("file");
  const area = document.querySelector(".drop");
  const status = document.getElementById("status");

  const send = () => {
    const file = field.files[0];
    if (!file) { return; }
    if (file.size > Number(form.dataset.most)) {
      status.textContent = `${file.name} is larger than ${form.dataset.megabytes} MB; bench serve --max-megabytes takes more.`;
      field.value = "";
      return;
    }
    status.textContent = `Reading and scoring ${file.name} ...`;
    form.submit();
  };

  document.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
  document.addEventListener("dragleave", () => area.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    if (event.dataTransfer.files.length > 1) {
      status.textContent = "One file at a time, please.";
      return;
    }
    field.files = event.dataTransfer.files;
    send();
  });
  field.addEventListener("change", send);
  window.addEventListener("pageshow", () => { status.textContent = ""; });
  form.querySelector("button").hidden = true;
})();
