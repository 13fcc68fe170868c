#!/bin/sh
# What programs of Debian make of small inputs: programs.sh OUTDIR. A program that is not there is skipped, with a word.
out=$(realpath -m "$1")
work=$(mktemp -d)
cd "$work" || exit 1
have() { command -v "$1" >/dev/null || { echo "no $1" >&2; return 1; }; mkdir -p "$out/$2"; }

if have gnuplot gnuplot; then
  gnuplot <<'G'
set terminal svg size 600,400 font "Arial,12"
set output "gp-sine.svg"; set title "Waves"; set grid; plot sin(x) lw 2, cos(x) dt 2, exp(-x*x/8) with filledcurves y=0 fs transparent solid 0.3
set terminal svg enhanced mouse standalone size 640,480 dynamic background rgb "white"
set output "gp-enhanced.svg"; set title "x^2_i and {/Symbol a}"; set key outside; plot [0:10] x**2 w lp pt 7, 10*x w p pt 4, 50+20*sin(x) w impulses
set terminal svg size 500,500
set output "gp-surface.svg"; set isosamples 25; set hidden3d; splot sin(x)*cos(y/2) w l
set output "gp-bars.svg"; set style data histograms; set style fill pattern 2 border -1; set yrange [0:*]; unset hidden3d
$d << EOD
A 3 5
B 6 2
C 4 7
EOD
plot $d using 2:xtic(1) t "one", "" using 3 t "two"
G
  mv gp-*.svg "$out/gnuplot/"
fi

if have dot graphviz; then
  printf 'digraph G { rankdir=LR; node [shape=box style="rounded,filled" fillcolor="#e8f0fe" fontname="Helvetica"]; a [label="Start"]; b [label="Crawl & parse" shape=diamond style=filled fillcolor=lightgoldenrod]; a->b [label="go"]; b->c [style=dashed color=red]; b->d [arrowhead=odot]; c->a; }' | dot -Tsvg -o "$out/graphviz/flow.svg"
  printf 'digraph S { node [shape=record]; s1 [label="<f0> left|<f1> mid|{a|b|c}"]; s2 [label="one|two" style=filled fillcolor="yellow:red" gradientangle=90]; s1:f1 -> s2; subgraph cluster_0 { label="box"; bgcolor="#eeeeee80"; x->y; } }' | dot -Tsvg -o "$out/graphviz/record.svg"
  printf 'graph N { layout=neato; node [shape=circle style=wedged fillcolor="red:green:blue"]; a--b--c--d--a; a--c [penwidth=4]; e [shape=star style=striped fillcolor="red;0.3:white"] }' | neato -Tsvg -o "$out/graphviz/wedges.svg" 2>/dev/null
  printf 'digraph H { t [shape=none label=<<TABLE BORDER="0" CELLBORDER="1" BGCOLOR="white"><TR><TD BGCOLOR="#ffcccc"><B>bold</B></TD><TD><I>it</I><BR/><U>u</U></TD></TR><TR><TD COLSPAN="2"><FONT COLOR="blue" POINT-SIZE="20">big</FONT></TD></TR></TABLE>>]; t->u [label=<x<SUB>2</SUB>>] }' | dot -Tsvg:cairo -o "$out/graphviz/html-cairo.svg"
fi

if have plantuml plantuml; then
  cat > seq.puml <<'P'
@startuml
actor User
participant "Web Server" as W
database DB
User -> W : GET /index
activate W
W -> DB : query
DB --> W : rows
W --> User : 200 OK
deactivate W
note right of User : hello\nworld
alt ok
User -> User : done
else bad
User -[#red]> W : retry
end
@enduml
P
  cat > class.puml <<'P'
@startuml
skinparam shadowing true
class Shape {
 +area(): double
 -id: int
}
interface Drawable
Shape <|-- Circle
Shape <|-- Square
Drawable <|.. Shape
Circle "1" *-- "many" Point : has
@enduml
P
  cat > act.puml <<'P'
@startuml
start
:read file;
if (valid?) then (yes)
  :normalize;
  fork
   :render;
  fork again
   :tokenize;
  end fork
else (no)
  #pink:drop;
endif
stop
@enduml
P
  cat > gantt.puml <<'P'
@startgantt
[Design] lasts 5 days
[Build] lasts 8 days
[Build] starts at [Design]'s end
[Test] lasts 3 days
[Test] starts at [Build]'s end
@endgantt
P
  cat > mind.puml <<'P'
@startmindmap
* SVG
** shapes
*** rect
*** path
** text
left side
** filters
@endmindmap
P
  cat > state.puml <<'P'
@startuml
[*] --> Idle
Idle --> Busy : job
state Busy {
[*] --> Draw
Draw --> Save
}
Busy --> [*]
@enduml
P
  plantuml -tsvg -o "$out/plantuml" ./*.puml
fi

if have Rscript r; then
  Rscript - <<'R'
suppressMessages({library(svglite); library(ggplot2)})
svglite("r-base.svg", 6, 4); plot(mtcars$wt, mtcars$mpg, pch=19, col="steelblue", main="Weight and mileage", xlab="wt (1000 lbs)", ylab="mpg"); abline(lm(mpg~wt, mtcars), lty=2); legend("topright", "fit", lty=2); dev.off()
svglite("r-bars.svg", 5, 5); barplot(c(A=3,B=7,C=5), col=rainbow(3), density=c(10,20,40), las=1); dev.off()
svglite("r-ggplot.svg", 7, 5); print(ggplot(mtcars, aes(wt, mpg, colour=factor(cyl))) + geom_point(size=3, alpha=.7) + geom_smooth(method="lm", formula=y~x) + facet_wrap(~gear) + labs(title="Cars", colour="cyl")); dev.off()
svglite("r-ggbox.svg", 5, 4); print(ggplot(iris, aes(Species, Sepal.Length, fill=Species)) + geom_violin() + geom_boxplot(width=.1) + theme_minimal()); dev.off()
svglite("r-pie.svg", 4, 4); pie(c(3,4,5), labels=c("eins","zwei","drei")); dev.off()
R
  mv r-*.svg "$out/r/"
fi

if have inkscape inkscape; then
  cat > draw.svg <<'S'
<svg xmlns="http://www.w3.org/2000/svg" width="120mm" height="80mm" viewBox="0 0 120 80"><defs><linearGradient id="g"><stop stop-color="#06c"/><stop offset="1" stop-color="#6cf"/></linearGradient></defs><rect x="10" y="10" width="60" height="40" rx="6" fill="url(#g)" stroke="#024" stroke-width="1.5"/><path d="M80 20h20v30z" fill="none" stroke="red" stroke-dasharray="3 1"/><text x="12" y="66" font-family="Roboto" font-size="8">Inkscape</text></svg>
S
  inkscape draw.svg --export-type=svg --export-filename="$out/inkscape/saved.svg" 2>/dev/null
  inkscape draw.svg --export-plain-svg --export-text-to-path --export-filename="$out/inkscape/plain-outlined.svg" 2>/dev/null
  inkscape draw.svg --actions="select-all;object-stroke-to-path;select-all;object-rotate-90-cw;export-filename:$out/inkscape/actions.svg;export-do" 2>/dev/null
  inkscape draw.svg --export-type=pdf --export-filename=draw.pdf 2>/dev/null
  inkscape draw.pdf --pdf-poppler --export-type=svg --export-filename="$out/inkscape/from-pdf.svg" 2>/dev/null
fi

if have pdf2svg pdf2svg && [ -f draw.pdf ]; then pdf2svg draw.pdf "$out/pdf2svg/draw.svg"; fi

if have soffice libreoffice; then
  cat > page.fodg <<'F'
<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.graphics">
<office:styles><draw:gradient draw:name="G" draw:style="linear" draw:start-color="#3465a4" draw:end-color="#ffffff" draw:angle="30deg"/></office:styles>
<office:automatic-styles><style:page-layout style:name="P"><style:page-layout-properties fo:page-width="16cm" fo:page-height="10cm"/></style:page-layout>
<style:style style:name="a" style:family="graphic"><style:graphic-properties draw:fill="gradient" draw:fill-gradient-name="G" draw:stroke="solid" svg:stroke-width="0.08cm" svg:stroke-color="#204a87"/></style:style>
<style:style style:name="b" style:family="graphic"><style:graphic-properties draw:fill="solid" draw:fill-color="#fce94f" draw:opacity="60%" draw:stroke="none"/></style:style></office:automatic-styles>
<office:master-styles><style:master-page style:name="M" style:page-layout-name="P"/></office:master-styles>
<office:body><office:drawing><draw:page draw:name="one" draw:master-page-name="M">
<draw:rect draw:style-name="a" svg:x="1cm" svg:y="1cm" svg:width="6cm" svg:height="4cm" draw:corner-radius="0.5cm"><text:p>Rectangle</text:p></draw:rect>
<draw:ellipse draw:style-name="b" svg:x="5cm" svg:y="3cm" svg:width="5cm" svg:height="4cm"/>
<draw:line svg:x1="1cm" svg:y1="8cm" svg:x2="14cm" svg:y2="9cm"/>
<draw:polygon draw:style-name="a" svg:x="10cm" svg:y="1cm" svg:width="4cm" svg:height="3cm" svg:viewBox="0 0 400 300" draw:points="0,300 200,0 400,300"/>
<draw:frame svg:x="10cm" svg:y="6cm" svg:width="5cm" svg:height="1cm"><draw:text-box><text:p>LibreOffice text</text:p></draw:text-box></draw:frame>
</draw:page></office:drawing></office:body></office:document>
F
  soffice -env:UserInstallation="file://$work/profile" --headless --convert-to svg --outdir "$out/libreoffice" page.fodg >/dev/null 2>&1
  [ -f "$out/inkscape/plain-outlined.svg" ] && cp draw.svg imported.svg && soffice -env:UserInstallation="file://$work/profile" --headless --convert-to svg:draw_svg_Export --outdir "$out/libreoffice" imported.svg >/dev/null 2>&1
fi

if have dia dia; then
  printf '%s' '<?xml version="1.0"?><dia:diagram xmlns:dia="http://www.lysator.liu.se/~alla/dia/"><dia:layer name="b" visible="true"><dia:object type="Flowchart - Box" version="0" id="O0"><dia:attribute name="obj_pos"><dia:point val="2,2"/></dia:attribute><dia:attribute name="obj_bb"><dia:rectangle val="2,2;7,4"/></dia:attribute><dia:attribute name="elem_corner"><dia:point val="2,2"/></dia:attribute><dia:attribute name="elem_width"><dia:real val="5"/></dia:attribute><dia:attribute name="elem_height"><dia:real val="2"/></dia:attribute></dia:object><dia:object type="Standard - Ellipse" version="0" id="O1"><dia:attribute name="elem_corner"><dia:point val="9,2"/></dia:attribute><dia:attribute name="elem_width"><dia:real val="4"/></dia:attribute><dia:attribute name="elem_height"><dia:real val="3"/></dia:attribute></dia:object></dia:layer></dia:diagram>' > d.dia
  dia -t svg -e "$out/dia/boxes.svg" d.dia 2>/dev/null || echo "dia failed" >&2
fi

if have rrdtool rrdtool; then
  rrdtool create t.rrd --start 1700000000 --step 300 DS:v:GAUGE:600:U:U RRA:AVERAGE:0.5:1:288
  i=1; while [ $i -lt 200 ]; do echo "update t.rrd $((1700000000 + i * 300)):$(( (i * 37) % 50 + i / 4 ))"; i=$((i + 1)); done | rrdtool - >/dev/null
  rrdtool graph "$out/rrdtool/load.svg" -a SVG --start 1700000000 --end 1700060000 -t "Load" DEF:v=t.rrd:v:AVERAGE AREA:v#00cc0080:load LINE1:v#006600 >/dev/null
fi

if have qrencode qrencode; then qrencode -t SVG -o "$out/qrencode/qr.svg" "svgmill" ; qrencode -t SVG --rle --svg-path -o "$out/qrencode/qr-path.svg" "hello world"; fi
if have mscgen mscgen; then printf 'msc { a,b,c; a=>b [label="call()"]; b->c [label="x", linecolour="red"]; c>>a [label="ret"]; a box c [label="state", textbgcolour="#ffffcc"]; }' | mscgen -T svg -o "$out/mscgen/calls.svg"; fi
if have potrace potrace; then
  python3 - <<'Y'
w, h = 200, 200
rows = ["".join("1" if ((x - 100) ** 2 + (y - 100) ** 2 < 80**2) != ((x - 120) ** 2 + (y - 90) ** 2 < 40**2) else "0" for x in range(w)) for y in range(h)]
open("m.pbm", "w").write(f"P1\n{w} {h}\n" + "\n".join(rows))
Y
  potrace -s m.pbm -o "$out/potrace/moon.svg"; potrace -s --flat -C '#336699' m.pbm -o "$out/potrace/moon-flat.svg"
fi
if have zint zint; then zint -b 20 -d "SVGMILL-128" -o "$out/zint/code128.svg"; zint -b 71 -d "data matrix" -o "$out/zint/datamatrix.svg"; zint -b 57 -d "maxi code" -o "$out/zint/maxicode.svg"; fi
if have abcm2ps abcm2ps; then printf 'X:1\nT:Scale\nM:4/4\nL:1/4\nK:G\nGABc|d2e2|"Am"(f/g/a/b/) c2|]\n' > s.abc; abcm2ps -v -O "$out/abcm2ps/scale.svg" s.abc >/dev/null; fi
if have openscad openscad; then printf 'difference(){ square([40,30]); translate([20,15]) circle(r=8,$fn=48);} translate([50,5]) text("SCAD", size=10, font="Roboto");' > o.scad; openscad -o "$out/openscad/plate.svg" o.scad 2>/dev/null || echo "openscad failed" >&2; fi
if have fontforge fontforge; then
  fontforge -quiet -lang=ff -c 'Open($1); Select("ampersand"); Export($2); Select("g"); Export($3)' "${FONT:-/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf}" "$out/fontforge/ampersand.svg" "$out/fontforge/g.svg" >/dev/null 2>&1 || echo "fontforge failed" >&2
fi
find "$out" -type d -empty -delete
rm -rf "$work"
