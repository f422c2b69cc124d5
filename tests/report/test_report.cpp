// report.html and its pictures: well-formed whatever the names, complete whatever is missing, nothing loaded from outside.
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "heddle/report/class_scores.hpp"
#include "heddle/report/compare.hpp"
#include "heddle/report/html.hpp"
#include "heddle/report/run_report.hpp"
#include "tests/report/markup.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/png.hpp"

using namespace heddle;
using namespace heddle::report;
using test::markup_fault;

namespace {

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

RunReport some_report(int epochs, int mistakes) {
  RunReport r;
  r.title = "bottleneck, batch norm";
  for (int e = 1; e <= epochs; ++e) r.epochs.push_back({e, 0.01 / e, 2.0 / e, 40.0 + e, 1.9 / e, 42.0 + e, 10, 5000});
  r.class_names = {"airplane", "cat", "dog"};
  r.confusion = {{90, 6, 4}, {2, 70, 28}, {0, 30, 70}};
  const Image image{4, 4, 3, std::vector<std::uint8_t>(48, 100)};
  for (int i = 0; i < mistakes; ++i) r.mistakes.push_back({image, i % 3, (i + 1) % 3, 1 - 0.01 * i, i});
  r.mistakes_in_all = mistakes, r.test_images = 300;
  for (int i = 0; i < 9; ++i) r.samples.push_back({image, i % 3});
  r.class_counts = {5000, 5000, 4000};
  r.layers = {{"stages.0", "Conv2d(3, 32)", "[1, 32, 32, 32]", 864, 884736, 3}};
  r.configuration = {{"seed", "1"}};
  r.environment = {{"compiler", "g++"}};
  r.command = "cifar10 train --arch bottleneck";
  return r;
}

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("heddle_report_" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("the markup test finds what it is there for") {
  CHECK(markup_fault("<p>a<br/>b &amp; c</p>") == "");
  for (const char* bad : {"<p>", "<p></b>", "a < b", "a & b", "<p x=1></p>", "<p x=\"<\"></p>", "</p>", "<p", "a > b"}) {
    INFO(bad);
    CHECK(markup_fault(bad) != "");
  }
}

TEST_CASE("escaping leaves nothing that HTML would read") {
  CHECK(escape_html("a<b> & \"c\" 'd'") == "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
  CHECK(escape_html("\u00e9\u4e2d\U0001F600") == "\u00e9\u4e2d\U0001F600");
  CHECK(escape_html(std::string("a\0b\x1b[1m\xff", 8)) == "a\uFFFDb\uFFFD[1m\uFFFD");
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1234567) == "1,234,567");
  CHECK(grouped(-123) == "-123");
  CHECK(grouped(-1234) == "-1,234");
}

TEST_CASE("the page is well-formed and has everything in it") {
  const std::string page = render_html(some_report(20, 24));
  CHECK(markup_fault(page) == "");
  for (const char* part : {"Accuracy, %", "Learning rate", "Seconds an epoch", "Confusion matrix", "Misclassified",
                           "Training set", "Layers", "Configuration", "prefers-color-scheme:dark",
                           "cifar10 train --arch bottleneck", "cat taken for dog", "62.00%", "5,000"})
    CHECK(page.find(part) != std::string::npos);
  CHECK(count_of(page, "class=\"said\"") == 24);
  CHECK(count_of(page, "data:image/png;base64,") == 24 + 9);
  // 20 epochs in each of four charts.
  CHECK(count_of(page, "class=\"at\"") == 80);
}

TEST_CASE("the page loads nothing and runs nothing") {
  const std::string page = render_html(some_report(3, 5));
  for (const char* part : {"http:", "https:", "<script", "@import", "url("}) {
    INFO(part);
    CHECK(page.find(part) == std::string::npos);
  }
  CHECK(count_of(page, "src=\"") == count_of(page, "src=\"data:"));
  CHECK(count_of(page, "href=\"") == count_of(page, "href=\"data:"));
}

TEST_CASE("hostile names stay text") {
  RunReport r = some_report(2, 6);
  const std::string hostile = "<script>alert('1')</script>\"& \xff\x01";
  r.title = r.command = r.warning = hostile;
  for (auto& name : r.class_names) name = hostile + name;
  r.layers[0] = {hostile, hostile, hostile, 1, 1, 1};
  r.configuration = r.environment = r.totals = {{hostile, hostile}};
  const std::string page = render_html(r);
  CHECK(markup_fault(page) == "");
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find('\xff') == std::string::npos);
  CHECK(page.find('\x01') == std::string::npos);
  Folder folder;
  write_report(folder.path, r);
  Comparison c{.title = hostile, .warning = hostile, .runs = {{hostile, r.epochs, 0, hostile}}};
  CHECK(markup_fault(render_html(c)) == "");
  CHECK(render_html(c).find("<script") == std::string::npos);
}

TEST_CASE("one epoch, no mistake, nothing at all: the page and the pictures are there") {
  Folder folder;
  RunReport one = some_report(1, 0), nothing, unseen = some_report(2, 1);
  one.confusion = {{100, 0, 0}, {0, 100, 0}, {0, 0, 100}};
  unseen.confusion = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
  for (const RunReport& r : {one, nothing, unseen}) {
    write_report(folder.path, r);
    const std::string page = read_file(folder.path / "report.html");
    CHECK(markup_fault(page) == "");
    for (const char* part : {"nan", "inf\"", "inf%", ">inf", "-0.0%"}) {
      INFO(part);
      CHECK(page.find(part) == std::string::npos);
    }
    for (const char* name : {"curves.png", "misclassified.png", "confusion.png", "samples.png"}) {
      INFO(name);
      CHECK(test::decode_png(read_file(folder.path / name)).width >= 400);
    }
  }
  CHECK(render_html(one).find("No mistakes.") != std::string::npos);
}

TEST_CASE("a hundred classes: a picture in place of the table, and no number out of place") {
  RunReport r;
  for (int i = 0; i < 100; ++i) r.class_names.push_back("class number " + std::to_string(i)), r.confusion.emplace_back(100, 1);
  const std::string page = render_html(r);
  CHECK(markup_fault(page) == "");
  CHECK(page.find("class=\"matrix\"") == std::string::npos);
  CHECK(count_of(page, "class=\"plain\"") == 1);
}

TEST_CASE("pictures grow with what they show") {
  CHECK(draw_misclassified(some_report(1, 9)).height > draw_misclassified(some_report(1, 8)).height);
  RunReport r = some_report(1, 1);
  const Image before = draw_samples(r), matrix = draw_confusion(r), curves = draw_curves(r);
  r.class_counts[1] = 100;
  CHECK(draw_samples(r).pixels != before.pixels);
  r.confusion[0][1] = 90;
  CHECK(draw_confusion(r).pixels != matrix.pixels);
  r.epochs.push_back(r.epochs[0]);
  r.epochs[1].epoch = 2;
  CHECK(draw_curves(r).pixels != curves.pixels);
}

TEST_CASE("numbers that name no class are refused") {
  for (int fault = 0; fault < 5; ++fault) {
    RunReport r = some_report(1, 1);
    if (fault == 0) r.mistakes[0].predicted = 3;
    if (fault == 1) r.samples[0].label = -1;
    if (fault == 2) r.confusion.pop_back();
    if (fault == 3) r.confusion[1].push_back(1);
    if (fault == 4) r.class_counts = {1};
    INFO(fault);
    CHECK_THROWS_AS(render_html(r), Error);
  }
}

TEST_CASE("a comparison: one line a run, the best marked, a curve each") {
  const auto epochs = some_report(3, 0).epochs;
  auto better = epochs;
  for (auto& row : better) row.test_accuracy += 10;
  const Comparison c{.title = "norms",
                     .warning = "",
                     .runs = {{"batch norm", epochs, 48096, "cifar10 train"}, {"group \u00e9", better, 0, ""}}};
  const std::string table = comparison_table(c);
  CHECK(count_of(table, "\n") == 3);
  CHECK(table.find("48,096") != std::string::npos);
  CHECK(table.find("*55.00%") != std::string::npos);
  CHECK(table.find("55.00% (3)") != std::string::npos);
  CHECK(count_of(table, "*") == 1);
  Folder folder;
  write_comparison(folder.path, c);
  const std::string page = read_file(folder.path / "compare.html");
  CHECK(markup_fault(page) == "");
  CHECK(count_of(page, "<figure") == 6);
  CHECK(read_file(folder.path / "compare.txt") == table);
  CHECK(test::decode_png(read_file(folder.path / "compare.png")).width > 800);
  CHECK_THROWS_AS(write_comparison(folder.path, {}), Error);
  CHECK_THROWS_AS(write_comparison(folder.path, {.title = "x", .warning = "", .runs = {{"none", {}, 0, ""}}}), Error);
}

TEST_CASE("precision, recall and F1 of each class, and a dash for a share of nothing") {
  // Of four cats two are right; five images were taken for cats. Nothing is a dog, nothing was taken for a horse.
  const auto scores = class_scores({{2, 1, 1, 0}, {3, 6, 1, 0}, {0, 0, 0, 0}, {0, 2, 0, 0}});
  CHECK(scores[0].images == 4);
  CHECK(scores[0].predicted == 5);
  CHECK(scores[0].precision == Approx(0.4));
  CHECK(scores[0].recall == Approx(0.5));
  CHECK(scores[0].f1 == Approx(2 * 0.4 * 0.5 / (0.4 + 0.5)));
  CHECK(scores[1].f1 == Approx(12.0 / 19));
  CHECK(scores[2].precision == 0);
  CHECK(std::isnan(scores[2].recall));
  CHECK(std::isnan(scores[2].f1));
  CHECK(std::isnan(scores[3].precision));
  CHECK(scores[3].recall == 0);
  CHECK(std::isnan(scores[3].f1));
  CHECK_THROWS_AS(class_scores({{1, 2}, {3}}), Error);
  RunReport r = some_report(1, 1);
  r.confusion = {{2, 1, 1}, {3, 6, 1}, {0, 0, 0}};
  const std::string page = render_html(r);
  CHECK(markup_fault(page) == "");
  for (const char* part : {"data-n=\"precision\">40.0%<", "data-n=\"recall\">50.0%<", "data-n=\"F1\">44.4%<", "data-n=\"recall\">–<"}) {
    INFO(part);
    CHECK(page.find(part) != std::string::npos);
  }
}
