// Catch2 2.13 (Debian 12) and Catch2 3, by one name. A text within another is ContainsSubstring, the name that Catch2 3 has;
// 2.13's own for it is closed, so that a test that compiles with one compiles with both.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
namespace Catch::Matchers {
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Catch::Matchers
#pragma GCC poison Contains
#endif
