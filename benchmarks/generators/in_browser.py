"""What libraries that need a browser make of small inputs: in_browser.py OUTDIR NODE_MODULES [VIEWER].

``VIEWER``: draw.io's viewer-static.min.js, whose export is that of the application. Run packages.py first: plotly.js
draws what plotly specified there. What is not there, or fails, is named and skipped.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

OUT, MODULES = Path(sys.argv[1]), Path(sys.argv[2])

SERIAL = "const serial = node => new XMLSerializer().serializeToString(node);"

MERMAID = {
    "flow": "flowchart LR\n  A[Start] --> B{Valid?}\n  B -- yes --> C[(Store)]\n  B -- no --> D((Drop))\n  subgraph S [Box]\n  C --> E>flag]\n  end",
    "sequence": "sequenceDiagram\n  Alice->>Bob: Hello Bob\n  loop every minute\n  Bob-->>Alice: Hi\n  end\n  Note right of Bob: thinks",
    "class": "classDiagram\n  Animal <|-- Duck\n  Animal : +int age\n  Animal : +isMammal() bool\n  class Duck { +swim() }",
    "state": "stateDiagram-v2\n  [*] --> Still\n  Still --> Moving : go\n  Moving --> [*]",
    "gantt": "gantt\n  dateFormat YYYY-MM-DD\n  title Plan\n  section A\n  Design :done, a1, 2026-01-01, 5d\n  Build :crit, after a1, 9d",
    "pie": 'pie title Pets\n  "Dogs" : 38\n  "Cats" : 85\n  "Rats" : 15',
    "er": "erDiagram\n  CUSTOMER ||--o{ ORDER : places\n  ORDER ||--|{ LINE : contains",
    "mindmap": "mindmap\n  root((svg))\n    shapes\n      rect\n    text",
    "git": "gitGraph\n  commit\n  branch dev\n  commit\n  checkout main\n  merge dev",
    "xychart": 'xychart-beta\n  title "Sales"\n  x-axis [jan, feb, mar]\n  y-axis "k" 0 --> 10\n  bar [5, 6, 8]\n  line [4, 7, 6]',
}

DRAWIO = """<mxGraphModel dx="800" dy="600" grid="1"><root><mxCell id="0"/><mxCell id="1" parent="0"/>
<mxCell id="2" value="Start" style="ellipse;whiteSpace=wrap;html=1;fillColor=#d5e8d4;strokeColor=#82b366;" vertex="1" parent="1"><mxGeometry x="40" y="40" width="120" height="60" as="geometry"/></mxCell>
<mxCell id="3" value="&lt;b&gt;Choose&lt;/b&gt;&lt;br&gt;one" style="rhombus;whiteSpace=wrap;html=1;shadow=1;" vertex="1" parent="1"><mxGeometry x="240" y="30" width="120" height="80" as="geometry"/></mxCell>
<mxCell id="4" value="Plain label" style="rounded=1;whiteSpace=wrap;dashed=1;gradientColor=#7ea6e0;fillColor=#dae8fc;" vertex="1" parent="1"><mxGeometry x="240" y="160" width="120" height="60" as="geometry"/></mxCell>
<mxCell id="5" value="yes" style="edgeStyle=orthogonalEdgeStyle;rounded=0;html=1;" edge="1" parent="1" source="2" target="3"><mxGeometry relative="1" as="geometry"/></mxCell>
<mxCell id="6" style="curved=1;endArrow=diamond;startArrow=oval;strokeWidth=2;" edge="1" parent="1" source="3" target="4"><mxGeometry relative="1" as="geometry"/></mxCell>
<mxCell id="7" value="Disk" style="shape=cylinder3;whiteSpace=wrap;html=1;size=15;" vertex="1" parent="1"><mxGeometry x="60" y="150" width="80" height="80" as="geometry"/></mxCell>
</root></mxGraphModel>"""

BPMN = """<?xml version="1.0" encoding="UTF-8"?><bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:di="http://www.omg.org/spec/DD/20100524/DI" id="d" targetNamespace="t"><bpmn:process id="P"><bpmn:startEvent id="S" name="order"><bpmn:outgoing>f1</bpmn:outgoing></bpmn:startEvent><bpmn:userTask id="T" name="Check it"/><bpmn:exclusiveGateway id="G"/><bpmn:endEvent id="E"><bpmn:terminateEventDefinition/></bpmn:endEvent><bpmn:sequenceFlow id="f1" sourceRef="S" targetRef="T"/><bpmn:sequenceFlow id="f2" sourceRef="T" targetRef="G"/><bpmn:sequenceFlow id="f3" name="ok" sourceRef="G" targetRef="E"/></bpmn:process><bpmndi:BPMNDiagram><bpmndi:BPMNPlane bpmnElement="P"><bpmndi:BPMNShape bpmnElement="S"><dc:Bounds x="100" y="100" width="36" height="36"/></bpmndi:BPMNShape><bpmndi:BPMNShape bpmnElement="T"><dc:Bounds x="190" y="78" width="100" height="80"/></bpmndi:BPMNShape><bpmndi:BPMNShape bpmnElement="G"><dc:Bounds x="340" y="93" width="50" height="50"/></bpmndi:BPMNShape><bpmndi:BPMNShape bpmnElement="E"><dc:Bounds x="450" y="100" width="36" height="36"/></bpmndi:BPMNShape><bpmndi:BPMNEdge bpmnElement="f1"><di:waypoint x="136" y="118"/><di:waypoint x="190" y="118"/></bpmndi:BPMNEdge><bpmndi:BPMNEdge bpmnElement="f2"><di:waypoint x="290" y="118"/><di:waypoint x="340" y="118"/></bpmndi:BPMNEdge><bpmndi:BPMNEdge bpmnElement="f3"><di:waypoint x="390" y="118"/><di:waypoint x="450" y="118"/></bpmndi:BPMNEdge></bpmndi:BPMNPlane></bpmndi:BPMNDiagram></bpmn:definitions>"""


class Studio:
    """A browser's page for each drawing, with the scripts that it needs."""

    def __init__(self, page: Page):
        self.page = page

    def draw(self, generator: str, name: str, scripts: list[str], code: str, argument: object = None) -> None:
        """``code``: the body of an asynchronous function of ``input`` that returns the SVG."""
        try:
            self.page.goto("about:blank")
            self.page.set_content('<!doctype html><body><div id="box" style="width:500px;height:350px"></div>')
            for script in scripts:
                path = Path(script) if Path(script).is_absolute() else MODULES / script
                self.page.add_script_tag(path=path)
            svg = self.page.evaluate(f"async input => {{ {SERIAL} {code} }}", argument)
        except (Error, OSError) as error:
            print(f"{generator}/{name}: {str(error)[:200]}", file=sys.stderr)
            return
        folder = OUT / generator
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")


def _text(name: str) -> str:
    path = MODULES / name
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def draw_all(studio: Studio, viewer: str | None) -> None:
    for html in (True, False):
        for name, text in MERMAID.items():
            studio.draw(
                "mermaid",
                name if html else f"{name}-svg-labels",
                ["mermaid/dist/mermaid.min.js"],
                "mermaid.initialize({startOnLoad: false, htmlLabels: input[1], flowchart: {htmlLabels: input[1]}});"
                "return (await mermaid.render('m', input[0])).svg;",
                [text, html],
            ) if html or name in ("flow", "class", "state") else None
    for specification in sorted((OUT / "plotly").glob("*.json")):
        studio.draw(
            "plotly",
            specification.stem,
            ["plotly.js-dist-min/plotly.min.js"],
            "const figure = JSON.parse(input); await Plotly.newPlot('box', figure.data, figure.layout);"
            "const url = await Plotly.toImage('box', {format: 'svg', width: 600, height: 400});"
            "return decodeURIComponent(url.slice(url.indexOf(',') + 1));",
            specification.read_text(),
        )
        specification.unlink()
    studio.draw(
        "bpmn-js",
        "order",
        ["bpmn-js/dist/bpmn-viewer.production.min.js"],
        "const viewer = new BpmnJS({container: '#box'}); await viewer.importXML(input);"
        "return (await viewer.saveSVG()).svg;",
        BPMN,
    )
    studio.draw(
        "cytoscape-svg",
        "graph",
        ["cytoscape/dist/cytoscape.min.js", "cytoscape-svg/cytoscape-svg.js"],
        "cytoscape.use(cytoscapeSvg); const cy = cytoscape({container: box, elements: [{data: {id: 'a'}},"
        "{data: {id: 'b'}}, {data: {id: 'c'}}, {data: {source: 'a', target: 'b'}}, {data: {source: 'a', target: 'c'}}],"
        "style: [{selector: 'node', style: {label: 'data(id)', shape: 'hexagon', 'background-color': '#06c'}},"
        "{selector: 'edge', style: {'curve-style': 'bezier', 'target-arrow-shape': 'triangle'}}],"
        "layout: {name: 'circle'}}); return cy.svg({full: true, bg: '#fff'});",
    )
    studio.draw(
        "svg.js",
        "shapes",
        ["@svgdotjs/svg.js/dist/svg.min.js"],
        "const canvas = SVG().addTo('#box').size(200, 120).viewbox(0, 0, 200, 120);"
        "const gradient = canvas.gradient('linear', add => { add.stop(0, '#333'); add.stop(1, '#f06'); });"
        "canvas.rect(90, 60).move(10, 10).radius(8).fill(gradient).rotate(12);"
        "canvas.ellipse(60, 40).center(150, 60).fill('none').stroke({color: '#f06', width: 4, dasharray: '6 3'});"
        "canvas.text('SVG.js').move(20, 80).font({family: 'Helvetica', size: 24});"
        "canvas.circle(20).center(20, 20).css({fill: 'teal', opacity: 0.5}); return canvas.svg();",
    )
    studio.draw(
        "snap",
        "shapes",
        ["snapsvg/dist/snap.svg-min.js"],
        "const s = Snap(200, 150); const big = s.circle(80, 75, 60).attr({fill: '#bada55', stroke: '#000', strokeWidth: 5});"
        "const p = s.path('M10-5-10,15M15,0,0,15M0-5-20,15').attr({fill: 'none', stroke: '#bada55', strokeWidth: 5})"
        ".pattern(0, 0, 10, 10); const small = s.circle(140, 75, 40).attr({fill: p});"
        "const discs = s.group(s.circle(60, 75, 40), s.circle(110, 75, 40)).attr({fill: '#fff'});"
        "big.attr({mask: discs}); s.text(120, 140, 'Snap').attr({fill: 'r()#fff-#000'}); return s.toString();",
    )
    studio.draw(
        "raphael",
        "shapes",
        ["raphael/raphael.min.js"],
        "const paper = Raphael(0, 0, 200, 120); paper.rect(10, 10, 80, 50, 10).attr({fill: '90-#f00:5-#00f:95', "
        "'stroke-width': 3}).rotate(15); paper.path('M100,60c20,-60 40,60 80,0').attr({'stroke-dasharray': '- ',"
        "'arrow-end': 'classic-wide-long'}); paper.text(60, 100, 'Raphael').attr({'font-size': 20});"
        "return serial(paper.canvas);",
    )
    studio.draw(
        "smiles-drawer",
        "molecule",
        ["smiles-drawer/dist/smiles-drawer.min.js"],
        "const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'); box.append(svg);"
        "await new Promise((done, fail) => SmilesDrawer.parse('CC(=O)Oc1ccccc1C(=O)O', tree => {"
        "new SmilesDrawer.SvgDrawer({width: 300, height: 250}).draw(tree, svg, 'light'); done(); }, fail));"
        "return serial(svg);",
    )
    studio.draw(
        "abcjs",
        "tune",
        ["abcjs/dist/abcjs-basic-min.js"],
        "ABCJS.renderAbc('box', 'X:1\\nT:Tune\\nM:6/8\\nK:D\\n|:\"D\"dAF d2e|fed e3:|'); "
        "return serial(document.querySelector('svg'));",
    )
    studio.draw(
        "chart.js",
        "bar",
        ["chart.js/dist/chart.umd.js"],
        "const context = new (eval(input))(400, 300); const canvas = document.createElement('canvas');"
        "canvas.width = 400; canvas.height = 300; canvas.getContext = () => context;"
        "Object.defineProperty(context, 'canvas', {value: canvas}); new Chart(canvas, {type: 'bar', data: {labels:"
        "['a', 'b', 'c'], datasets: [{label: 'one', data: [3, 5, 2], backgroundColor: 'rgba(54,162,235,.5)'}]},"
        "options: {animation: false, responsive: false, devicePixelRatio: 1}}); return context.getSerializedSvg();",
        _text("svgcanvas/dist/svgcanvas.esm.js").replace(
            "export { Context, SVGCanvasElement as Element };", "Context;"
        ),
    )
    studio.draw(
        "mxgraph",
        "graph",
        [],
        "window.mxBasePath = ''; window.mxLoadResources = false; window.mxLoadStylesheets = false;"
        "const tag = document.createElement('script'); tag.textContent = input; document.head.append(tag);"
        "const graph = new mxGraph(box); graph.setHtmlLabels(true); const parent = graph.getDefaultParent();"
        "const a = graph.insertVertex(parent, null, 'Hello', 20, 20, 80, 30);"
        "const b = graph.insertVertex(parent, null, '<b>World</b>', 200, 120, 80, 30, 'shape=cloud;shadow=1');"
        "graph.insertEdge(parent, null, 'edge', a, b); const node = document.createElementNS("
        "'http://www.w3.org/2000/svg', 'svg'); node.setAttribute('viewBox', '0 0 320 200');"
        "const canvas = new mxSvgCanvas2D(node, true); new mxImageExport().drawState("
        "graph.getView().getState(graph.model.root), canvas); return serial(node);",
        _text("mxgraph/javascript/mxClient.js"),
    )
    for name, options in {
        "plain": "null, 1, 8, false, null, true",
        "background": "'#ffffff', 1, 8, false, null, true",
    }.items():
        if viewer is not None:
            studio.draw(
                "drawio",
                name,
                [str(Path(viewer).absolute())],
                "const graph = new Graph(box); graph.setHtmlLabels(true);"
                "const xml = mxUtils.parseXml(input).documentElement;"
                "new mxCodec(xml.ownerDocument).decode(xml, graph.getModel());"
                f"return mxUtils.getXml(graph.getSvg({options}));",
                DRAWIO,
            )


def main() -> None:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--disable-gpu"])
        page = browser.new_page(viewport={"width": 900, "height": 700})
        draw_all(Studio(page), sys.argv[3] if len(sys.argv) > 3 else None)
        browser.close()


if __name__ == "__main__":
    main()
