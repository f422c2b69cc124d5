// Layers that are built as arguments of one call draw their random numbers in an order that the language leaves open: g++ on x86
// builds the last argument first, clang the first. Containers that take several layers put that right.
#pragma once

#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::nn {

/// For functions that take several modules (share_all() of containers.hpp calls it). `modules` were just built, in any order, as the arguments of one
/// call; afterwards they hold the values that they would hold if they had been built from left to right. What was built in
/// that order is left alone, so this does nothing where braces or the compiler saw to it.
///
/// Tensors remember which of a generator's draws filled them. Those of each module that still hold what was drawn are drawn again,
/// with the numbers of the place where its turn would have come; tensors that were loaded, trained or computed keep
/// their values. Nothing is done where other draws lie between these (of values that are computed from random numbers, say),
/// since then the modules' own places cannot be known: such layers want braces, which are in order by the language.
void draw_in_order(const std::vector<Module*>& modules);

}  // namespace heddle::nn
HD_API_END
