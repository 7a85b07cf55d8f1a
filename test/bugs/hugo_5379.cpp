// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// Hugo issue 5379 (GoKer, double lock): preparing a page holds its initialisation lock and renders a short
// code, which asks the page for its content and so comes to the same lock.
#include "bugs/shape.hpp"

namespace bugs::hugo_5379 {

struct page {
  mutex initialising;
  bool ready = false;
};

void prepare(page& p, int depth, bool fixed);

void render(page& p, int depth, bool fixed) {
  if (depth == 0) prepare(p, depth + 1, fixed);  // a short code that includes the page itself
}

void prepare(page& p, int depth, bool fixed) {
  if (fixed && depth != 0) return;  // the fix: nested content is not initialised again
  p.initialising.lock();
  if (!p.ready) render(p, depth, fixed);  // BUG
  p.ready = true;
  p.initialising.unlock();
}

void run(bool fixed) {
  start("renderer", [p = std::make_shared<page>(), fixed] { prepare(*p, 0, fixed); });
}

const shape self{"hugo_5379", run};

}  // namespace bugs::hugo_5379
