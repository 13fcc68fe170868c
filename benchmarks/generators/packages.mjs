// What npm packages make of small inputs: node packages.mjs OUTDIR NODE_MODULES. What is not there is named and skipped.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const out = resolve(process.argv[2]);
const modules = resolve(process.argv[3]);
const require = createRequire(pathToFileURL(join(modules, "x.js")));
const load = async (name) => {
  try { return await import(pathToFileURL(require.resolve(name))); }
  catch (error) { if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw error; }
  return import(pathToFileURL(join(modules, name)));
};
const save = (generator, name, svg) => {
  mkdirSync(join(out, generator), { recursive: true });
  writeFileSync(join(out, generator, `${name}.svg`), svg);
};
const page = async (html = "<body></body>") => {
  const { JSDOM } = await load("jsdom");
  const dom = new JSDOM(`<!doctype html>${html}`, { pretendToBeVisual: true });
  return dom.window;
};
const data = [{ x: "A", y: 28 }, { x: "B", y: 55 }, { x: "C", y: 43 }, { x: "D", y: 91 }];

const makers = {
  async vega() {
    const vega = await load("vega"); const lite = await load("vega-lite");
    const specs = {
      bar: { mark: "bar", encoding: { x: { field: "x", type: "nominal" }, y: { field: "y", type: "quantitative" }, color: { field: "x" } } },
      area: { mark: { type: "area", line: true, color: { x1: 1, y1: 1, x2: 1, y2: 0, gradient: "linear", stops: [{ offset: 0, color: "white" }, { offset: 1, color: "darkgreen" }] } }, encoding: { x: { field: "x" }, y: { field: "y", type: "quantitative" } } },
      pie: { mark: { type: "arc", innerRadius: 30, stroke: "#fff" }, encoding: { theta: { field: "y", type: "quantitative" }, color: { field: "x" } } },
      labels: { layer: [{ mark: "point" }, { mark: { type: "text", dy: -10, angle: 30, fontWeight: "bold" }, encoding: { text: { field: "y" } } }], encoding: { x: { field: "x" }, y: { field: "y", type: "quantitative" } } },
    };
    for (const [name, spec] of Object.entries(specs)) {
      const { spec: compiled } = lite.compile({ data: { values: data }, title: name, ...spec });
      save("vega-lite", name, await new vega.View(vega.parse(compiled), { renderer: "none" }).toSVG());
    }
  },
  async echarts() {
    const echarts = await load("echarts");
    const options = {
      line: { xAxis: { type: "category", data: ["Mo", "Di", "Mi"] }, yAxis: {}, series: [{ type: "line", smooth: true, areaStyle: {}, data: [3, 8, 5] }], title: { text: "ECharts" } },
      pie: { series: [{ type: "pie", radius: ["30%", "60%"], roseType: "area", itemStyle: { shadowBlur: 10, shadowColor: "rgba(0,0,0,.5)" }, data: data.map((d) => ({ name: d.x, value: d.y })) }] },
      radar: { radar: { indicator: ["a", "b", "c", "d"].map((name) => ({ name, max: 10 })) }, series: [{ type: "radar", data: [{ value: [4, 9, 6, 3], areaStyle: {} }] }] },
      gauge: { series: [{ type: "gauge", progress: { show: true }, data: [{ value: 62, name: "load" }] }] },
      decal: { aria: { enabled: true, decal: { show: true } }, xAxis: { type: "category", data: ["a", "b"] }, yAxis: {}, series: [{ type: "bar", data: [3, 5] }, { type: "bar", data: [4, 2] }] },
    };
    for (const [name, option] of Object.entries(options)) {
      for (const animation of name === "line" ? [true, false] : [false]) {
        const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: 480, height: 320 });
        chart.setOption({ animation, ...option });
        save("echarts", animation ? `${name}-animated` : name, chart.renderToSVGString());
        chart.dispose();
      }
    }
  },
  async badges() {
    const { makeBadge } = await load("badge-maker");
    for (const style of ["flat", "plastic", "flat-square", "for-the-badge", "social"])
      save("badge-maker", style, makeBadge({ label: "build", message: "passing & green", color: "brightgreen", style }));
  },
  async mathjax() {
    require("mathjax-full/js/util/asyncLoad/node.js");
    const { mathjax } = require("mathjax-full/js/mathjax.js");
    const { TeX } = require("mathjax-full/js/input/tex.js");
    const { SVG } = require("mathjax-full/js/output/svg.js");
    const { liteAdaptor } = require("mathjax-full/js/adaptors/liteAdaptor.js");
    const { RegisterHTMLHandler } = require("mathjax-full/js/handlers/html.js");
    const { AllPackages } = require("mathjax-full/js/input/tex/AllPackages.js");
    const adaptor = liteAdaptor();
    RegisterHTMLHandler(adaptor);
    const document = mathjax.document("", { InputJax: new TeX({ packages: AllPackages }), OutputJax: new SVG({ fontCache: "local" }) });
    const formulas = { roots: "x = \\frac{-b \\pm \\sqrt{b^2-4ac}}{2a}", matrix: "\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}", colour: "\\color{red}{\\int_0^1} \\cancel{x} \\; \\boxed{y}", words: "\\text{Länge } \\ell_{\\text{max}}" };
    for (const [name, tex] of Object.entries(formulas))
      save("mathjax", name, adaptor.innerHTML(document.convert(tex, { display: true })));
  },
  async d3() {
    const d3 = await load("d3");
    const { document } = await page();
    const fresh = (w, h) => d3.select(document.body).html("").append("svg").attr("xmlns", "http://www.w3.org/2000/svg").attr("viewBox", [0, 0, w, h]);
    let svg = fresh(300, 200);
    const x = d3.scaleBand().domain(data.map((d) => d.x)).range([40, 290]).padding(0.1);
    const y = d3.scaleLinear().domain([0, 100]).range([180, 10]);
    svg.append("g").attr("fill", "steelblue").selectAll("rect").data(data).join("rect").attr("x", (d) => x(d.x)).attr("y", (d) => y(d.y)).attr("height", (d) => 180 - y(d.y)).attr("width", x.bandwidth());
    svg.append("g").attr("transform", "translate(0,180)").call(d3.axisBottom(x));
    svg.append("g").attr("transform", "translate(40,0)").call(d3.axisLeft(y)).call((g) => g.select(".domain").remove());
    save("d3", "bars", document.body.innerHTML);
    svg = fresh(300, 300);
    const matrix = [[11, 5, 8], [19, 10, 20], [8, 16, 80]];
    const colour = d3.scaleOrdinal(d3.schemeTableau10);
    const chord = svg.append("g").attr("transform", "translate(150,150)");
    const chords = d3.chord().padAngle(0.05)(matrix);
    chord.append("g").attr("fill-opacity", 0.7).selectAll("path").data(chords).join("path").attr("d", d3.ribbon().radius(120)).style("mix-blend-mode", "multiply").attr("fill", (d) => colour(d.source.index));
    chord.append("g").selectAll("path").data(chords.groups).join("path").attr("d", d3.arc().innerRadius(122).outerRadius(140)).attr("fill", (d) => colour(d.index));
    save("d3", "chord", document.body.innerHTML);
    svg = fresh(320, 200);
    const tree = d3.tree().size([180, 260])(d3.hierarchy({ n: "root", children: [{ n: "a", children: [{ n: "a1" }, { n: "a2" }] }, { n: "b" }] }));
    const group = svg.append("g").attr("font-family", "sans-serif").attr("font-size", 10).attr("transform", "translate(30,10)");
    group.append("g").attr("fill", "none").attr("stroke", "#555").attr("stroke-opacity", 0.4).selectAll("path").data(tree.links()).join("path").attr("d", d3.linkHorizontal().x((d) => d.y).y((d) => d.x));
    const node = group.append("g").selectAll("g").data(tree.descendants()).join("g").attr("transform", (d) => `translate(${d.y},${d.x})`);
    node.append("circle").attr("r", 3);
    node.append("text").attr("dy", "0.31em").attr("x", 6).text((d) => d.data.n).attr("stroke", "white").attr("paint-order", "stroke");
    save("d3", "tree", document.body.innerHTML);
    svg = fresh(300, 200);
    svg.append("path").attr("fill", "none").attr("stroke", "black").attr("stroke-width", 0.5).attr("d", d3.geoPath(d3.geoEqualEarth().fitSize([300, 200], { type: "Sphere" }))(d3.geoGraticule10()));
    save("d3", "graticule", document.body.innerHTML);
  },
  async plot() {
    const plot = await load("@observablehq/plot");
    const { document } = await page();
    const mark = plot.plot({ document, marks: [plot.barY(data, { x: "x", y: "y", fill: "x", tip: false }), plot.ruleY([0]), plot.text(data, { x: "x", y: "y", text: "y", dy: -6 })] });
    mark.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    save("observable-plot", "bars", mark.outerHTML);
  },
  async rough() {
    const rough = (await load("roughjs")).default;
    const { document } = await page('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 120"></svg>');
    const svg = document.querySelector("svg");
    const pen = (rough.svg ?? rough.default.svg)(svg, { options: { seed: 7 } });
    svg.append(pen.rectangle(10, 10, 80, 60, { fill: "red", fillStyle: "hachure" }), pen.circle(150, 50, 70, { fill: "rgba(10,150,10,.4)", fillStyle: "zigzag" }), pen.line(10, 100, 190, 110, { strokeWidth: 3 }));
    save("roughjs", "shapes", document.body.innerHTML);
  },
  async qrcode() {
    const { toString } = (await load("qrcode")).default;
    save("qrcode-js", "qr", await toString("svgmill", { type: "svg", color: { dark: "#204060", light: "#0000" } }));
  },
  async wavedrom() {
    const wavedrom = (await load("wavedrom")).default; const onml = require("onml");
    const skins = require("wavedrom/skins/default.js");
    save("wavedrom", "waves", onml.stringify(wavedrom.renderAny(0, { signal: [{ name: "clk", wave: "p....." }, { name: "dat", wave: "x.345x", data: ["a", "b", "c"] }, { name: "req", wave: "0.1..0" }] }, skins)));
    save("wavedrom", "register", onml.stringify(wavedrom.renderAny(0, { reg: [{ name: "op", bits: 7, attr: "R" }, { name: "rd", bits: 5, type: 2 }, { bits: 4 }] }, skins)));
  },
  async nomnoml() {
    const nomnoml = await load("nomnoml");
    save("nomnoml", "classes", (nomnoml.renderSvg ?? nomnoml.default.renderSvg)("[Pirate|eyeCount: Int|raid();pillage()]\n[Pirate]-[:Parrot]\n[<abstract>Marauder]<:--[Pirate]\n[<database>beard]--[Parrot]"));
  },
  async jsbarcode() {
    const barcode = (await load("jsbarcode")).default;
    const { document } = await page();
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    barcode(svg, "Hi there", { xmlDocument: document, lineColor: "#0aa" });
    svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    save("jsbarcode", "code128", svg.outerHTML);
  },
  async statecat() {
    const { render } = await import(pathToFileURL(join(modules, "state-machine-cat/dist/index.mjs")));
    save("state-machine-cat", "machine", await render("initial, idle, busy { draw => save: done; }, final;\ninitial => idle; idle => busy: job [free]/ start; busy => final;", { outputType: "svg" }));
  },
  async three() {
    const window = await page();
    Object.assign(globalThis, { window, document: window.document });
    const THREE = await import(pathToFileURL(join(modules, "three/build/three.module.js")));
    const source = readFileSync(join(modules, "three/examples/jsm/renderers/SVGRenderer.js"), "utf8");
    writeFileSync(join(modules, "svg-renderer.mjs"), source.replace(/'[./a-z]*Projector.js'/, "'three/examples/jsm/renderers/Projector.js'"));
    const { SVGRenderer } = await import(pathToFileURL(join(modules, "svg-renderer.mjs")));
    const scene = new THREE.Scene(); scene.background = new THREE.Color("#f0f0f0");
    const camera = new THREE.PerspectiveCamera(50, 1, 0.1, 100); camera.position.set(2, 2, 4); camera.lookAt(0, 0, 0);
    scene.add(new THREE.Mesh(new THREE.IcosahedronGeometry(1.2, 1), new THREE.MeshLambertMaterial({ color: "#4488cc" })), new THREE.AmbientLight("#888"));
    const light = new THREE.DirectionalLight("#fff", 2); light.position.set(1, 2, 3); scene.add(light);
    const renderer = new SVGRenderer(); renderer.setSize(300, 300); renderer.render(scene, camera);
    renderer.domElement.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    save("three", "icosahedron", renderer.domElement.outerHTML);
  },
  async satori() {
    const satori = require("satori").default;
    const font = readFileSync(new URL("../../stages/fonts/Roboto-Regular.ttf", import.meta.url));
    const card = { type: "div", props: { style: { display: "flex", flexDirection: "column", width: "100%", height: "100%", background: "linear-gradient(135deg,#1e3a8a,#9333ea)", color: "white", padding: 30, borderRadius: 20 }, children: [{ type: "div", props: { style: { fontSize: 40 }, children: "Open graph" } }, { type: "div", props: { style: { boxShadow: "0 4px 8px rgba(0,0,0,.4)", background: "white", color: "#333", borderRadius: 8, padding: 8, marginTop: 20 }, children: "card" } }] } };
    save("satori", "card", await satori(card, { width: 400, height: 220, fonts: [{ name: "Roboto", data: font, weight: 400, style: "normal" }] }));
  },
  async verovio() {
    const createModule = (await import(pathToFileURL(join(modules, "verovio/dist/verovio-module.mjs")))).default;
    const { VerovioToolkit } = await import(pathToFileURL(join(modules, "verovio/dist/verovio.mjs")));
    const toolkit = new VerovioToolkit(await createModule());
    toolkit.setOptions({ inputFrom: "pae", pageWidth: 1200, pageHeight: 500, scale: 40, adjustPageHeight: true });
    toolkit.loadData("@clef:G-2\n@keysig:xF\n@timesig:4/4\n@data:'4GABC/2DE/8{FGAB}4''C4'B//");
    save("verovio", "notes", toolkit.renderToSVG(1));
  },
};

const late = () => new Promise((_, fail) => setTimeout(() => fail(new Error("took over a minute")), 60000));
for (const [name, make] of Object.entries(makers)) {
  try { await Promise.race([make(), late()]); } catch (error) { console.error(`${name}: ${String(error?.stack ?? error).split("\n").slice(0, 3).join(" | ")}`); }
}
process.exit(0);
