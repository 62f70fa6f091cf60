#pragma once

// libraft is C and its headers do not say so to a C++ compiler.
extern "C" {
#include <raft.h>
#include <raft/fixture.h>
}
