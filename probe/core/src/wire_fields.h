#pragma once

#include "vouch/probe/message.h"
#include "vouch/probe/wire.h"

// What the codecs of both kinds of messages write and read alike: `fields` lists the fields of one
// type once, for writing (M is const) and for reading.

namespace vouch {

template <typename Wire, Either<Sender> M>
void fields(Wire& wire, M& m) {
  wire.number(m.node);
  wire.number(m.incarnation);
}

}  // namespace vouch
