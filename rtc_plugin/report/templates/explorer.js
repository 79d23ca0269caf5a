"use strict";
// Shows one model at a time: its data is parsed when it is chosen.
(() => {
  const $ = (id) => document.getElementById(id);
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const theme = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // The colours of a cell and of the text on it.
  const heat = (share) => [
    `rgba(${theme("--heat")}, ${share})`,
    theme(share > Number(theme("--heat-turn")) ? "--on-heat" : "--on-cold"),
  ];
  const signed = (x) => `${x < 0 ? "\u2212" : "+"}${Math.abs(x).toFixed(1)}`;
  // Blue to red over green and gold, readable on white and on black.
  const ramp = [[58, 111, 176], [42, 157, 143], [217, 165, 33], [209, 73, 91]];
  const colour = (share) => {
    const at = Math.min(share, 0.9999) * (ramp.length - 1);
    const [a, b] = [ramp[Math.floor(at)], ramp[Math.floor(at) + 1]];
    const mixed = a.map((v, i) => Math.round(v + (at % 1) * (b[i] - v)));
    return `rgb(${mixed.join(",")})`;
  };

  let data, z, factors, numLatent;

  // A sprite shows one cell of a sheet of columns x rows pictures.
  const sprite = (sheet, columns, rows, label) => {
    const element = make("div", { className: "sprite" });
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", label);
    element.style.backgroundImage = `url(${sheet})`;
    element.style.backgroundSize = `${columns * 100}% ${rows * 100}%`;
    element.show = (column, row) => {
      const x = columns > 1 ? (100 * column) / (columns - 1) : 0;
      const y = rows > 1 ? (100 * row) / (rows - 1) : 0;
      element.style.backgroundPosition = `${x}% ${y}%`;
    };
    return element;
  };

  const showWalks = () => {
    const { steps, reach, spread } = data.walks;
    const middle = Math.floor(steps / 2);
    const order = [...data.signal_share.keys()].sort(
      (a, b) => data.signal_share[b] - data.signal_share[a]);
    $("walks-note").textContent =
      `From \u2212${reach} to +${reach} times each latent's own spread (s) around one ` +
      "image's code, the latents of largest signal share r first.";
    const sliders = order.map((k) => {
      const picture = sprite(data.pictures.walks, steps, numLatent, `walk along z${k}`);
      const slider = make("input", {
        type: "range", min: 0, max: steps - 1, step: 1, value: middle, id: `walk-${k}`,
      });
      const place = make("output", { className: "small" });
      place.setAttribute("for", slider.id);
      const move = () => {
        const at = signed(((2 * slider.value) / (steps - 1) - 1) * reach);
        picture.show(Number(slider.value), k);
        slider.setAttribute("aria-valuetext", `${at} spreads`);
        place.textContent = `${at} s`;
      };
      slider.addEventListener("input", move);
      move();
      const kind = data.classes[k];
      return [slider, move, make("div", { className: "tile" },
        picture,
        make("div", { className: "tile-head" },
          make("label", { htmlFor: slider.id, textContent: `z${k}` }),
          make("span", { className: `kind ${kind}`, textContent: kind }),
          place),
        slider,
        make("div", { className: "small muted",
          textContent: `r ${data.signal_share[k].toFixed(2)}, s ${spread[k].toFixed(2)}, ` +
            `KL ${data.kl[k].toFixed(1)}` }))];
    });
    $("walks").replaceChildren(...sliders.map(([, , tile]) => tile));
    const all = $("all-walks");
    all.max = steps - 1;
    all.value = middle;
    all.oninput = () => {
      for (const [slider, move] of sliders) {
        slider.value = all.value;
        move();
      }
    };
  };

  const showReconstructions = () => {
    const count = data.reconstructions;
    $("reconstructions").replaceChildren(...Array.from({ length: count }, (_, i) => {
      const image = sprite(data.pictures.reconstructions, count, 2, `image ${i + 1}`);
      const made = sprite(
        data.pictures.reconstructions, count, 2, `reconstruction ${i + 1}`);
      image.show(i, 0);
      made.show(i, 1);
      return make("div", { className: "pair" }, image, made);
    }));
  };

  const showMap = (table, scores, title) => {
    const head = make("tr", {}, make("td"));
    for (const name of data.factor_names) {
      head.append(make("th", { scope: "col", textContent: name.replaceAll("_", " ") }));
    }
    const body = make("tbody");
    scores.forEach((row, k) => {
      const line = make("tr", {}, make("th", { scope: "row", textContent: `z${k}` }));
      for (const score of row) {
        const cell = make("td", { textContent: score.toFixed(2) });
        [cell.style.backgroundColor, cell.style.color] = heat(score);
        line.append(cell);
      }
      body.append(line);
    });
    table.replaceChildren(
      make("caption", { textContent: title }), make("thead", {}, head), body);
  };

  // Drawing on canvases, in CSS pixels.
  const prepare = (canvas, size) => {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(size * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, size, size);
    return context;
  };
  const dots = (context, i, j, left, top, side, radius, fills) => {
    const edge = radius + 1;
    const scale = (side - 2 * edge) / 255;
    for (let n = 0; n < data.points.n; n++) {
      context.fillStyle = fills(n);
      context.beginPath();
      context.arc(
        left + edge + z[n * numLatent + i] * scale,
        top + side - edge - z[n * numLatent + j] * scale, radius, 0, 7);
      context.fill();
    }
  };

  const drawScatter = () => {
    const canvas = $("scatter");
    const size = canvas.clientWidth;
    if (!size) return;
    const context = prepare(canvas, size);
    const [i, j] = [Number($("latent-x").value), Number($("latent-y").value)];
    const factor = $("colour").value;
    const text = theme("--text");
    context.strokeStyle = theme("--line");
    context.strokeRect(0.5, 0.5, size - 1, size - 1);
    context.globalAlpha = 0.8;
    const width = data.factor_names.length;
    dots(context, i, j, 6, 6, size - 12, Math.max(1.6, size / 180),
      (n) => (factor === "" ? text : colour(factors[n * width + Number(factor)] / 255)));
    context.globalAlpha = 1;
    const ends = (k) =>
      `${data.points.low[k].toPrecision(2)} to ${data.points.high[k].toPrecision(2)}`;
    const about = i === j ? "" : `; correlation ${data.correlation[i][j].toFixed(2)}, ` +
      `mutual information ${data.mutual_information[i][j].toFixed(2)} nats`;
    const by = factor === "" ? "" : ` Coloured by ${data.factor_names[factor]}, blue is low.`;
    $("scatter-note").textContent =
      `z${i} across (${ends(i)}), z${j} up (${ends(j)})${about}.${by}`;
    canvas.setAttribute("aria-label", `Scatter plot. ${$("scatter-note").textContent}`);
  };

  const drawPairs = () => {
    const canvas = $("pair-plot");
    const size = canvas.clientWidth;
    if (!size) return;
    const context = prepare(canvas, size);
    const margin = Math.max(16, size / 24);
    const side = (size - margin) / numLatent;
    const text = theme("--text");
    const chosen = [Number($("latent-x").value), Number($("latent-y").value)];
    const font = Math.max(7, Math.min(12, side / 3.4));
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let row = 0; row < numLatent; row++) {
      const top = row * side;
      context.font = `${Math.max(8, font)}px ${theme("--sans")}`;
      context.fillStyle = text;
      context.fillText(`z${row}`, margin / 2, top + side / 2);
      context.fillText(`z${row}`, margin + (row + 0.5) * side, size - margin / 2);
      for (let column = 0; column < numLatent; column++) {
        const left = margin + column * side;
        const inner = side - 2;
        if (row > column) {
          context.globalAlpha = 0.45;
          dots(context, column, row, left + 1, top + 1, inner, side > 40 ? 0.7 : 0.5,
            () => text);
          context.globalAlpha = 1;
        } else if (row === column) {
          const counts = new Array(16).fill(0);
          for (let n = 0; n < data.points.n; n++) counts[z[n * numLatent + row] >> 4]++;
          const most = Math.max(...counts);
          context.fillStyle = theme("--accent");
          counts.forEach((count, bin) => {
            const height = (inner * count) / most;
            context.fillRect(left + 1 + (bin * inner) / 16, top + 1 + inner - height,
              inner / 16, height);
          });
        } else {
          const share = Math.abs(data.correlation[row][column]);
          const [shade, ink] = heat(share);
          context.fillStyle = shade;
          context.fillRect(left + 1, top + 1, inner, inner);
          context.fillStyle = ink;
          context.font = `${font}px ${theme("--sans")}`;
          context.fillText(
            data.mutual_information[row][column].toFixed(side > 30 ? 2 : 1),
            left + side / 2, top + side / 2);
        }
        const here = (column === chosen[0] && row === chosen[1]) ||
          (column === chosen[1] && row === chosen[0]);
        context.strokeStyle = theme(here ? "--accent" : "--line");
        context.lineWidth = here ? 2 : 1;
        context.strokeRect(left + 1, top + 1, inner, inner);
      }
    }
    canvas.setAttribute("aria-label",
      `Pair plot of ${numLatent} latents; the choices above name a pair to see large.`);
    canvas.onclick = (event) => {
      const column = Math.floor((event.offsetX - margin) / side);
      const row = Math.floor(event.offsetY / side);
      if (column < 0 || column >= numLatent || row >= numLatent || row === column) return;
      $("latent-x").value = column;
      $("latent-y").value = row;
      draw();
    };
  };

  const draw = () => {
    drawScatter();
    drawPairs();
    showMap($("map-r2"), data.r2, "R\u00b2");
    showMap($("map-nmi"), data.nmi, "normalised mutual information");
  };

  const showCodes = () => {
    const latents = () => data.signal_share.map((_, k) =>
      make("option", { value: k, textContent: `z${k}` }));
    const best = [...data.signal_share.keys()].sort(
      (a, b) => data.signal_share[b] - data.signal_share[a]);
    $("latent-x").replaceChildren(...latents());
    $("latent-y").replaceChildren(...latents());
    $("latent-x").value = best[0];
    $("latent-y").value = best[1] ?? best[0];
    const before = $("colour").value;
    $("colour").replaceChildren(
      make("option", { value: "", textContent: "one colour" }),
      ...data.factor_names.map((name, j) =>
        make("option", { value: j, textContent: name.replaceAll("_", " ") })));
    $("colour").value = before !== "" && before < data.factor_names.length ? before : 0;
  };

  const show = (key) => {
    const source = $(`data-${key}`);
    if (!source) return false;
    data = JSON.parse(source.textContent);
    z = bytes(data.points.z);
    factors = bytes(data.points.factors);
    numLatent = data.signal_share.length;
    $("choose").value = key;
    $("model-name").textContent = `${data.name}, ${data.dataset}`;
    $("model-scores").replaceChildren(...data.scores.map(([name, value]) =>
      make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
    showWalks();
    showReconstructions();
    showCodes();
    $("curve-card").hidden = !data.curve;
    $("curve").innerHTML = data.curve;
    $("gin").textContent = data.gin;
    $("copied").textContent = "";
    draw();
    return true;
  };

  const options = [...$("choose").options].map((option) => option.value);
  const step = (by) => {
    const at = options.indexOf($("choose").value) + by;
    show(options[(at + options.length) % options.length]);
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(data.gin);
      $("copied").textContent = "Copied.";
    } catch {
      // Where a page from a file may not write to the clipboard.
      const range = document.createRange();
      range.selectNodeContents($("gin"));
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      $("copied").textContent =
        document.execCommand("copy") ? "Copied." : "Selected; copy it by keyboard.";
    }
  };
  const follow = () => {
    if (show(location.hash.slice(1))) $("explorer").scrollIntoView();
  };
  $("choose").addEventListener("change", () => show($("choose").value));
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("copy").addEventListener("click", copy);
  for (const id of ["latent-x", "latent-y", "colour"]) $(id).addEventListener("change", draw);
  window.addEventListener("hashchange", follow);
  new ResizeObserver(draw).observe($("pair-plot"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  show(options[0]);
  follow();
})();
