/* Files before they are sent: names and sizes are listed, the camera button feeds the same field,
   and photos are made smaller on the phone (at most 1600 px, JPEG 0.8), which also drops the place
   and device data that cameras write into them. */
(function () {
  "use strict";

  const tracker = window.tracker;
  const words = tracker.words;
  const LONGEST = 1600;
  const QUALITY = 0.8;
  const SMALL_ENOUGH = 300 * 1024;
  const working = new WeakMap();

  function sizeOf(bytes) {
    const english = document.documentElement.lang === "en";
    const big = bytes >= 1024 * 1024;
    const value = big ? bytes / 1024 / 1024 : Math.max(1, bytes / 1024);
    return value.toLocaleString(english ? "en-GB" : "vi-VN", { maximumFractionDigits: big ? 1 : 0 }) + (big ? " MB" : " kB");
  }

  /* Decoded without an address of its own: the policy's img-src allows no blob:. Browsers that
     don't know the option turn the picture upright by themselves. */
  function load(file) {
    return window.createImageBitmap(file, { imageOrientation: "from-image" })
      .catch(function () { return window.createImageBitmap(file); });
  }

  function shrink(file) {
    if (!/^image\/(jpeg|png|webp)$/.test(file.type) || !window.createImageBitmap) return Promise.resolve(file);
    return load(file).then(function (image) {
      const longest = Math.max(image.width, image.height);
      if (longest <= LONGEST && file.size <= SMALL_ENOUGH) return file;
      const scale = Math.min(1, LONGEST / longest);
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(image.width * scale);
      canvas.height = Math.round(image.height * scale);
      const context = canvas.getContext("2d");
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      image.close();
      return new Promise(function (resolve) {
        canvas.toBlob(function (blob) {
          if (!blob || blob.size >= file.size) resolve(file);
          else resolve(new File([blob], file.name.replace(/\.[^.]+$/, "") + ".jpg", { type: "image/jpeg", lastModified: file.lastModified }));
        }, "image/jpeg", QUALITY);
      });
    }, function () { return file; });
  }

  function put(field, files) {
    const transfer = new DataTransfer();
    files.forEach(function (file) { transfer.items.add(file); });
    field.files = transfer.files;
  }

  function list(field, busy) {
    const holder = field.closest("[data-files]");
    const place = holder && holder.querySelector("[data-file-list]");
    if (!place) return;
    const files = Array.from(field.files);
    place.hidden = files.length === 0;
    place.replaceChildren.apply(place, files.map(function (file, index) {
      const remove = tracker.element("button", { type: "button", className: "btn btn-quiet btn-icon btn-sm" }, [tracker.icon("close", 16)]);
      remove.setAttribute("aria-label", words.remove + " " + file.name);
      remove.addEventListener("click", function () {
        put(field, Array.from(field.files).filter(function (_, at) { return at !== index; }));
        list(field, false);
      });
      return tracker.element("li", {}, [
        tracker.icon(file.type.startsWith("image/") ? "image" : "file", 16),
        tracker.element("span", { textContent: file.name }),
        tracker.element("span", { className: "muted num", textContent: busy ? words.shrinking : sizeOf(file.size) }),
        remove,
      ]);
    }));
  }

  function work(field, files) {
    put(field, files);
    list(field, true);
    const job = Promise.all(files.map(shrink)).then(function (done) {
      put(field, done);
      list(field, false);
      working.delete(field.form);
    });
    if (field.form) working.set(field.form, job);
  }

  document.addEventListener("change", function (event) {
    const field = event.target;
    if (field.dataset.cameraFor) {
      const main = document.getElementById(field.dataset.cameraFor);
      work(main, (main.multiple ? Array.from(main.files) : []).concat(Array.from(field.files)));
      field.value = "";
    } else if (field.matches("input[type=file][data-shrink]")) work(field, Array.from(field.files));
  });

  /* A form waits until its photos are small. */
  document.addEventListener("submit", function (event) {
    const job = working.get(event.target);
    if (!job) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const button = event.submitter || event.target.querySelector("button[type=submit]");
    job.then(function () { if (button) button.click(); });
  }, true);

  tracker.enhancers.push(function (place) {
    place.querySelectorAll("[data-camera-label]").forEach(function (label) { label.hidden = false; });
    /* The browser's own button speaks the browser's language; ours speaks the page's. */
    place.querySelectorAll("[data-file-label]").forEach(function (label) {
      label.hidden = false;
      document.getElementById(label.htmlFor).classList.add("file-hidden");
    });
  });
})();
