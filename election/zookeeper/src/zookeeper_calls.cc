#include "zookeeper_calls.h"

#include <array>
#include <utility>

namespace vouch::election {
namespace {

ZooKeeperCode code_of(int code) {
  switch (code) {
    case ZOK:
      return ZooKeeperCode::kOk;
    case ZNONODE:
      return ZooKeeperCode::kNoNode;
    case ZNODEEXISTS:
      return ZooKeeperCode::kNodeExists;
    case ZSESSIONEXPIRED:
    case ZAUTHFAILED:
    case ZINVALIDSTATE:
      return ZooKeeperCode::kSessionGone;
    case ZNOAUTH:
    case ZBADVERSION:
    case ZBADARGUMENTS:
    case ZUNIMPLEMENTED:
    case ZINVALIDACL:
    case ZNOTREADONLY:
    case ZNOCHILDRENFOREPHEMERALS:
    case ZNOTEMPTY:
    case ZEPHEMERALONLOCALSESSION:
    case ZTHROTTLEDOP:
      return ZooKeeperCode::kRefused;
    default:
      return ZooKeeperCode::kNoAnswer;
  }
}

/// Of one request: given to the C client, which gives it back exactly once.
struct AskContext {
  std::shared_ptr<AskBatch> batch;
  std::size_t at = 0;
  std::array<zoo_op_result_t, 2> results{};  ///< Of a guarded write.
  Stat stat{};
};

void give_answer(const void* data, int code, Answer answer) {
  const std::unique_ptr<const AskContext> context(static_cast<const AskContext*>(data));
  answer.code = code_of(code);
  if (code != ZOK) answer.trouble = zerror(code);
  context->batch->answer(context->at, std::move(answer));
}

void note_stat(Answer& answer, const Stat* stat) {
  if (stat == nullptr) return;
  answer.made_at = stat->czxid;
  answer.session = stat->ephemeralOwner;
}

void handle_void(int code, const void* data) {
  give_answer(data, code, {});
}

void handle_string(int code, const char* /*value*/, const void* data) {
  give_answer(data, code, {});
}

void handle_created(int code, const char* path, const Stat* stat, const void* data) {
  Answer answer;
  if (path != nullptr) answer.text = path;
  note_stat(answer, stat);
  give_answer(data, code, std::move(answer));
}

void handle_read(int code, const char* value, int size, const Stat* stat, const void* data) {
  Answer answer;
  if (value != nullptr && size > 0) answer.text.assign(value, static_cast<std::size_t>(size));
  note_stat(answer, stat);
  give_answer(data, code, std::move(answer));
}

void handle_children(int code, const String_vector* names, const void* data) {
  Answer answer;
  for (int i = 0; names != nullptr && i < names->count; ++i) {
    if (names->data[i] != nullptr) answer.names.emplace_back(names->data[i]);
  }
  give_answer(data, code, std::move(answer));
}

void handle_guarded(int code, const void* data) {
  const auto* const context = static_cast<const AskContext*>(data);
  const int guard = context->results[0].err;
  const bool is_broken = (code == ZNONODE || code == ZBADVERSION) && guard == code;
  if (!is_broken) {
    give_answer(data, code, {});
    return;
  }
  const std::unique_ptr<const AskContext> owner(context);
  owner->batch->answer(owner->at,
                       {.code = ZooKeeperCode::kGuardBroken, .trouble = "the place is gone"});
}

int send_guarded(zhandle_t* handle, const Ask& ask, AskContext* context) {
  std::array<zoo_op_t, 2> operations{};
  zoo_check_op_init(&operations[0], ask.guard.c_str(), 0);
  const int size = static_cast<int>(ask.data.size());
  if (ask.kind == AskKind::kPut) {
    zoo_set_op_init(&operations[1], ask.path.c_str(), ask.data.data(), size, -1, &context->stat);
  } else {
    zoo_create_op_init(&operations[1], ask.path.c_str(), ask.data.data(), size,
                       &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, nullptr, 0);
  }
  return zoo_amulti(handle, static_cast<int>(operations.size()), operations.data(),
                    context->results.data(), handle_guarded, context);
}

int give_ask(zhandle_t* handle, const Ask& ask, const PlaceWatch& watch, AskContext* context) {
  const char* const path = ask.path.c_str();
  const int size = static_cast<int>(ask.data.size());
  switch (ask.kind) {
    case AskKind::kSync:
      return zoo_async(handle, path, handle_string, context);
    case AskKind::kRead:
      return zoo_aget(handle, path, 0, handle_read, context);
    case AskKind::kWatch:
      return zoo_awget(handle, path, watch.watcher, watch.context, handle_read, context);
    case AskKind::kChildren:
      return zoo_aget_children(handle, path, 0, handle_children, context);
    case AskKind::kCreate:
      return zoo_acreate2(handle, path, ask.data.data(), size, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT,
                          handle_created, context);
    case AskKind::kCreatePlace:
      return zoo_acreate2(handle, path, ask.data.data(), size, &ZOO_OPEN_ACL_UNSAFE,
                          ZOO_EPHEMERAL_SEQUENTIAL, handle_created, context);
    case AskKind::kDelete:
      return zoo_adelete(handle, path, -1, handle_void, context);
    case AskKind::kPut:
    case AskKind::kPutNew:
      return send_guarded(handle, ask, context);
  }
  return ZBADARGUMENTS;
}

}  // namespace

void send_ask(zhandle_t* handle, const Ask& ask, const std::shared_ptr<AskBatch>& batch,
              std::size_t at, const PlaceWatch& watch) {
  auto context = std::make_unique<AskContext>();
  context->batch = batch;
  context->at = at;
  const int code = give_ask(handle, ask, watch, context.get());
  if (code == ZOK) {
    static_cast<void>(context.release());  // handle_... has it now.
    return;
  }
  // It may be kept by a client that failed half-way.
  if (code == ZMARSHALLINGERROR || code == ZSYSTEMERROR) static_cast<void>(context.release());
  batch->answer(at, {.code = code_of(code), .trouble = zerror(code)});
}

}  // namespace vouch::election
