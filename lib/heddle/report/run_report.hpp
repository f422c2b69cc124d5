// What a training leaves for people to look at: report.html, one file that needs no other, and its pictures as PNG.
//
// Plain numbers, names and images in, files out: who trains fills these structs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/report/image.hpp"
#include "heddle/report/metrics_csv.hpp"

HD_API_BEGIN
namespace heddle::report {

/// A test image that was taken for something else.
struct Mistake {
  Image image;
  int label = 0, predicted = 0;
  double confidence = 0;   ///< softmax of the predicted class
  std::int64_t index = 0;  ///< in the test set
};

/// A training image as the network sees it, but for normalisation.
struct Sample {
  Image image;
  int label = 0;
};

struct LayerLine {
  std::string path, description, output;
  std::int64_t parameters = 0, multiply_adds = 0, receptive_field = 0;
  std::string sees = {};  ///< where the field is no square: "1 x 7"
};

using Facts = std::vector<std::pair<std::string, std::string>>;

/// Parts that are empty are left out of the page; every picture is drawn all the same.
struct RunReport {
  std::string title;    ///< "bottleneck, batch norm"
  std::string warning;  ///< for the top of the page: "drawn images: ..."; may be empty
  std::vector<MetricsRow> epochs;
  std::vector<std::string> class_names;
  std::vector<std::vector<std::int64_t>> confusion;  ///< [true][predicted]
  std::vector<Mistake> mistakes;                     ///< in the order to be shown
  std::int64_t mistakes_in_all = 0, test_images = 0;
  std::vector<Sample> samples;
  std::vector<std::int64_t> class_counts;  ///< of the training set
  std::vector<LayerLine> layers;
  Facts totals;  ///< below the layer table: "Parameters", "48,096"
  Facts configuration, environment;
  std::string command;  ///< that trains this again
};

/// Accuracy, loss, learning rate and seconds an epoch.
Image draw_curves(const RunReport& report);
/// The mistakes with label, prediction and confidence.
Image draw_misclassified(const RunReport& report);
/// Counts, and the accuracy of each class.
Image draw_confusion(const RunReport& report);
/// The samples, class by class, with the number of images of each class.
Image draw_samples(const RunReport& report);
/// The page, complete.
std::string render_html(const RunReport& report);

/// Writes report.html, curves.png, misclassified.png, confusion.png and samples.png, each atomically. Error for an index of
/// a class that has no name, or a confusion matrix of another size.
void write_report(const std::filesystem::path& folder, const RunReport& report);

}  // namespace heddle::report
HD_API_END
