#include "heddle/report/html.hpp"

#include "heddle/base/check.hpp"
#include "heddle/report/font.hpp"

namespace heddle::report {
namespace {

constexpr std::string_view style = R"css(
:root{color-scheme:light dark;--bg:#f4f6f9;--card:#fff;--text:#1b2430;--muted:#5d6b7c;--grid:#e2e7ed;--good:#1f6fd5;--bad:#c83428;
--heat:26 92 190;--miss:190 72 20;--s0:#2f6fde;--s1:#d1620c;--s2:#148c56;--s3:#8250df;--s4:#cf325e;--s5:#0b879b;--s6:#8e740a;--s7:#b844a6}
@media (prefers-color-scheme:dark){:root{--bg:#0f141a;--card:#18202a;--text:#e4eaf1;--muted:#98a6b6;--grid:#2b3642;--good:#7ab0ff;--bad:#ff8a7a;
--heat:64 128 224;--miss:205 92 44;--s0:#6ea8ff;--s1:#ffa24d;--s2:#4cc38a;--s3:#b897ff;--s4:#ff7b98;--s5:#45c4d6;--s6:#d6b73c;--s7:#e68bd8}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:0 0 4px}
p{margin:0 0 12px}
.muted,.note{color:var(--muted)}
.warn{border-left:4px solid var(--s1);padding:8px 14px;background:var(--card);border-radius:6px;margin:14px 0}
section{background:var(--card);border:1px solid var(--grid);border-radius:12px;padding:18px 20px;margin-top:18px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:18px}
.facts div{background:var(--card);border:1px solid var(--grid);border-radius:12px;padding:12px 16px}
.facts b{display:block;font-size:1.5rem;line-height:1.25;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.facts span{color:var(--muted);font-size:.875rem}
.charts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:22px 28px}
figure{margin:0}
figcaption{display:flex;flex-wrap:wrap;gap:2px 16px;align-items:center;margin-bottom:4px;font-size:.9rem}
.key{display:inline-flex;align-items:center;gap:6px;color:var(--muted);overflow-wrap:anywhere}
.key svg{width:24px;height:8px;flex:none}
.chart>svg{display:block;width:100%;height:auto;overflow:visible}
svg text{font-size:var(--size);font-variant-numeric:tabular-nums}
.plot text{font-size:13px}
.tip{visibility:hidden;pointer-events:none}
.at:hover .tip{visibility:visible}
.box{fill:var(--card);stroke:var(--muted);stroke-width:1;opacity:.96}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:left;border-bottom:1px solid var(--grid);vertical-align:top}
th{color:var(--muted);font-weight:600;white-space:nowrap}
.n{text-align:right;white-space:nowrap}
.c{white-space:nowrap}
.wide{width:100%}
.runs th{white-space:normal;vertical-align:bottom}
.runs .key{white-space:nowrap;color:var(--text)}
tfoot td{font-weight:600;border-bottom:0}
.matrix{width:100%;table-layout:fixed;font-size:.8rem}
.matrix th,.matrix td{padding:0;border:1px solid var(--card);text-align:center;height:34px;vertical-align:middle}
.matrix tbody th{font-weight:400}
.matrix th:first-child{width:96px;text-align:right;padding-right:8px;overflow:hidden;text-overflow:ellipsis}
.matrix th:last-child,.matrix td:last-child{width:62px}
.matrix thead th{vertical-align:bottom;padding:4px 0}
.matrix .up{writing-mode:vertical-rl;transform:rotate(180deg);max-height:110px;overflow:hidden;text-overflow:ellipsis}
.matrix .h{background:rgb(var(--heat)/calc(var(--v)*.88 + .04))}
.matrix .m{background:rgb(var(--miss)/calc(var(--v)*.88))}
.matrix .s{color:#fff}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(128px,1fr));gap:14px 8px}
.cards figcaption{display:block;margin:4px 0 0;line-height:1.3;font-size:.8rem;overflow-wrap:anywhere}
img.pixels{display:block;width:96px;height:auto;border-radius:4px;image-rendering:pixelated}
img.plain{display:block;max-width:100%;height:auto}
.said{color:var(--bad);font-weight:600}
.class{display:grid;grid-template-columns:96px minmax(0,1fr) 230px;gap:12px;align-items:center;padding:3px 0;border-bottom:1px solid var(--grid);font-size:.875rem}
.class:last-child{border-bottom:0}
.class>span{overflow-wrap:anywhere}
.strip{display:grid;grid-template-columns:repeat(auto-fill,minmax(52px,1fr));gap:4px}
.strip img{width:100%}
.bar{display:flex;align-items:center;gap:8px;font-variant-numeric:tabular-nums}
.bar i{display:block;height:12px;border-radius:3px;background:var(--s0);min-width:1px}
.bar .track{flex:1}
dl{display:grid;grid-template-columns:minmax(110px,auto) minmax(0,1fr);gap:2px 16px;margin:0;font-size:.9rem}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
.two{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:18px 32px}
h3{font-size:1rem;margin:0 0 6px}
pre{margin:6px 0 0;padding:12px 14px;background:var(--bg);border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.875rem}
summary{cursor:pointer;font-weight:600}
details{margin-top:14px}
details .scroll{margin-top:10px}
footer{color:var(--muted);font-size:.85rem;margin-top:20px}
@media (max-width:760px){main{padding:18px 10px 40px}section{padding:14px 12px}.charts,.two{grid-template-columns:minmax(0,1fr)}
.plot text{font-size:17px}.matrix{font-size:.66rem}.matrix th:first-child{width:74px;padding-right:4px}.matrix .l{font-size:.8em}.matrix th:last-child,.matrix td:last-child{width:48px}
.matrix th,.matrix td{height:26px}.class{grid-template-columns:96px minmax(0,1fr)}.class .bar{grid-column:1/-1}
.cards{grid-template-columns:repeat(auto-fill,minmax(96px,1fr))}
.stack,.stack tbody,.stack tfoot{display:block}.stack thead,.stack td:empty{display:none}
.stack tr{display:flex;flex-wrap:wrap;gap:0 14px;padding:6px 0;border-bottom:1px solid var(--grid)}.stack tfoot tr{border-bottom:0}
.stack td{border:0;padding:1px 0;text-align:left}.stack td[data-n]::before{content:attr(data-n) " ";color:var(--muted);font-weight:400}
.runs td:first-child{width:100%}.layers td:nth-child(1){width:5.2rem}.layers td:nth-child(2){width:calc(100% - 5.2rem - 14px)}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--text:#000;--muted:#444;--grid:#ccc;--good:#1f6fd5;--bad:#c83428;
--heat:26 92 190;--miss:190 72 20;--s0:#2f6fde;--s1:#d1620c;--s2:#148c56;--s3:#8250df;--s4:#cf325e;--s5:#0b879b;--s6:#8e740a;--s7:#b844a6}
@page{margin:14mm}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}body{font-size:10pt}main{max-width:none;padding:0}
section{border:0;border-radius:0;padding:0;margin-top:14pt}h2,h3{break-after:avoid}.facts,figure,tr,.class,.matrix{break-inside:avoid}
thead{display:table-header-group}.scroll{overflow:visible}.tip{display:none}details::details-content{content-visibility:visible;display:block}}
)css";

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 1;
    const auto points = decode_utf8(text.substr(i, length));
    const bool good = points.size() == 1 && points[0] != 0xFFFD;
    i += good ? length : 1;
    const char32_t point = points[0];
    switch (point) {
      case U'&':
        escaped += "&amp;";
        break;
      case U'<':
        escaped += "&lt;";
        break;
      case U'>':
        escaped += "&gt;";
        break;
      case U'"':
        escaped += "&quot;";
        break;
      case U'\'':
        escaped += "&#39;";
        break;
      default:
        if (!good || (point < 0x20 && point != U'\n' && point != U'\t') || point == 0x7F)
          escaped += "\uFFFD";
        else
          escaped += text.substr(i - length, length);
    }
  }
  return escaped;
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3 + (number < 0 ? 1u : 0u);) digits.insert(i -= 3, 1, ',');
  return digits;
}

std::string html_page(std::string_view title, std::string_view body) {
  return strings::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"/>\n"
      "<title>{}</title>\n<link rel=\"icon\" "
      "href=\"data:,\"/>\n<style>{}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
      escape_html(title), style, body);
}

}  // namespace heddle::report
