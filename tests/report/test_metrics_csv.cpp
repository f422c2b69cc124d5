// metrics.csv: its header, its rows, and what a damaged one is called.
#include <filesystem>

#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "heddle/report/metrics_csv.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using report::MetricsCsv;

TEST_CASE("metrics are on the disk after each epoch, and read back") {
  const auto path = std::filesystem::temp_directory_path() / "heddle_metrics_test.csv";
  MetricsCsv csv(path);
  CHECK(read_file(path) == "epoch,lr,train_loss,train_accuracy,test_loss,test_accuracy,seconds,images_per_second\n");
  csv.add({1, 0.01, 1.5, 45.25, 1.25, 50.5, 12.5, 4000});
  CHECK(report::read_metrics_csv(path).size() == 1);
  csv.add({2, 0.005, 1.25, 55, 1.125, 57.75, 12, 4166.7});
  const auto rows = report::read_metrics_csv(path);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].train_accuracy == 45.25);
  CHECK(rows[1].lr == 0.005);
  CHECK(rows[1].images_per_second == Approx(4166.7));
  const std::string unbroken = read_file(path);
  // A run that goes on begins with the rows it has.
  MetricsCsv again(path, {rows[0]});
  CHECK(report::read_metrics_csv(path).size() == 1);
  again.add(rows[1]);
  CHECK(read_file(path) == unbroken);
  write_file(path, std::string(MetricsCsv::header) + "\n1,2,3\n");
  CHECK_THROWS_WITH(report::read_metrics_csv(path), Catch::Matchers::ContainsSubstring("expected eight numbers in line 2"));
  write_file(path, "a,b\n");
  CHECK_THROWS_AS(report::read_metrics_csv(path), Error);
  std::filesystem::remove(path);
  CHECK_THROWS_AS(MetricsCsv("/nowhere/metrics.csv"), Error);
}
