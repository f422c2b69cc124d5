// Scopes and those who watch them.
#include "heddle/base/error.hpp"
#include "heddle/core/observe.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

struct Diary : Observer {
  std::vector<std::string> lines;
  std::string refuse;  ///< the label whose output is an error
  void enter(const Label& label, const Tensor& input) override {
    lines.push_back("enter " + label.str() + (input.defined() ? " with " + input.shape().str() : ""));
  }
  void output(const Label& label, const Tensor& y) override {
    lines.push_back("output " + label.str() + " " + y.shape().str());
    if (label.name == refuse) throw Error("refused");
  }
  void leave(const Label& label) override { lines.push_back("leave " + label.str()); }
};

std::string current() {
  const auto label = Scope::current();
  return label ? label->str() : "none";
}

}  // namespace

TEST_CASE("scopes nest, and tell who watches") {
  Diary diary;
  {
    const Watch watch(diary);
    CHECK(observed());
    CHECK(current() == "none");
    const Scope outer("net", "Net", zeros({2}));
    CHECK(current() == "net (Net)");
    {
      const Scope inner("loss");
      CHECK(current() == "loss");
      CHECK(inner.output(ones({3})).shape() == Shape{3});
    }
    CHECK(current() == "net (Net)");
  }
  CHECK(!observed());
  CHECK(diary.lines ==
        std::vector<std::string>{"enter net (Net) with [2]", "enter loss", "output loss [3]", "leave loss", "leave net (Net)"});
}

TEST_CASE("nobody watching, a scope is nothing") {
  const Scope scope("net");
  CHECK(current() == "none");
  const Tensor y = ones({3});
  CHECK(scope.output(y).impl() == y.impl());
}

TEST_CASE("observers come and go in any order, and an error of theirs leaves the scopes in order") {
  Diary one, two;
  auto first = std::make_unique<Watch>(one);
  {
    const Watch second(two);
    first.reset();
    const Scope scope("a");
    CHECK(one.lines.empty());
    CHECK(two.lines.size() == 1);
    two.refuse = std::string("b");
    const auto inner = [] {
      const Scope b("b");
      b.output(zeros({1}));
    };
    CHECK_THROWS_WITH(inner(), "refused");
    CHECK(current() == "a");
    CHECK(two.lines.back() == "leave b");
  }
  CHECK(!observed());
}
