// linnet inspect: what a .linnet file holds and what running it takes.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/linnet/command.h"
#include "tools/linnet/graph_text.h"
#include "tools/linnet/inspect_memory.h"
#include "tools/linnet/model_file.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/operator_list.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model;
  std::vector<std::string> more;
  linnet_session_options session = linnet_session_options_defaults();
  bool operators = false;
  bool unfolded = false;
  bool json = false;
};

/// Everything that is printed, in either form.
struct Inspection {
  ModelFile file;
  WeightFigures weights;
  linnet_model_info info = {};
  std::vector<PlannedSession> plans;
  MemoryRegions memory;
  uint32_t measured_chunk = 0;
};

std::string context_text(const linnet_model_info& info) {
  if (info.positions != 0) return text("%u tokens, as many as have a position", info.positions);
  if (info.context == 0) return "unbounded";
  return text("%u tokens%s", info.context,
              info.has_context_limit ? "" : " trained for, but not bounded to");
}

void print_metadata(const Options& options, const Inspection& found) {
  const schema::Model& header = found.file.header();
  const schema::Metadata& metadata = *header.metadata();
  std::printf("%s: %s, format %u.%u\n", options.model.c_str(), found.info.name,
              header.version_major(), header.version_minor());
  std::printf("  architecture  %s\n", found.info.architecture);
  std::printf("  parameters    %s (%" PRIu64 ")\n", format_count(found.weights.parameters).c_str(),
              found.weights.parameters);
  for (const auto& [type, count] : found.weights.by_type) {
    std::printf("  %-5s weights %" PRIu64 " tensors, %s\n", type.c_str(), count.tensors,
                format_bytes(count.bytes).c_str());
  }
  std::printf("  runs          %s\n", !found.info.has_decoder
                                          ? "a whole text at once, which leaves no state"
                                          : "token after token, with a state");
  std::printf("  vocabulary    %u tokens\n", found.info.vocabulary);
  std::printf("  context       %s\n", context_text(found.info).c_str());
  if (const auto* tokenizer = header.tokenizer()) {
    std::printf("  tokenizer     %s, %u tokens, %u added\n",
                schema::EnumNameTokenizerKind(tokenizer->kind()), tokenizer->vocabulary(),
                tokenizer->added_tokens() == nullptr ? 0 : tokenizer->added_tokens()->size());
  } else {
    std::printf("  tokenizer     none\n");
  }
  std::printf("  source        %s\n", found.info.source);
  std::printf("  source sha256 %s\n", string_of(metadata.source_sha256()).c_str());
  std::printf("  license       %s\n", found.info.license);
  std::printf("  converter     %s\n", string_of(metadata.converter()).c_str());
}

void print_operators(const std::vector<OperatorText>& operators) {
  size_t name_width = 0;
  size_t kind_width = 0;
  for (const auto& line : operators) {
    name_width = std::max(name_width, line.name.size());
    kind_width = std::max(kind_width, line.kind.size());
  }
  for (const auto& line : operators) {
    std::printf("    %-*s  %-*s  %s\n", static_cast<int>(name_width), line.name.c_str(),
                static_cast<int>(kind_width), line.kind.c_str(), line.flow.c_str());
  }
}

void print_graph(const Inspection& found, bool unfolded) {
  for (const auto* entry : *found.file.header().entry_points()) {
    auto operators = describe_operators(found.file, *entry);
    std::printf("\n%s: %zu operators\n", entry->name()->c_str(), operators.size());
    if (unfolded) {
      for (auto& line : operators) {
        if (!line.layer.empty()) line.name = line.layer + "." + line.name;
      }
      print_operators(operators);
      continue;
    }
    for (const auto& block : fold_layers(operators)) {
      if (!block.same_as.empty()) {
        std::printf("  %s: as %s\n", block.title.c_str(), block.same_as.c_str());
        continue;
      }
      if (!block.title.empty()) std::printf("  %s\n", block.title.c_str());
      print_operators(block.operators);
    }
  }
}

std::string measured_text(const std::optional<uint64_t>& bytes) {
  return bytes ? std::to_string(*bytes) : "unknown";
}

void print_memory(const Options& options, const Inspection& found) {
  std::printf("\nmemory of a session, in bytes, with a context of %u tokens\n",
              options.session.context);
  std::printf("  %-10s %14s %14s %14s\n", "chunk", "state", "arena", "both");
  for (const auto& plan : found.plans) {
    std::printf("  %-10u %14" PRIu64 " %14" PRIu64 " %14" PRIu64 "\n", plan.chunk,
                plan.memory.state_bytes, plan.memory.arena_bytes, plan.memory.total_bytes);
  }
  const MemoryRegions& memory = found.memory;
  std::printf("\nmemory by region, in bytes, while a chunk of %u runs\n", found.measured_chunk);
  std::printf("  %-34s %14s %14s\n", "", "planned", "measured");
  std::printf(
      "  %-34s %14" PRIu64 " %14s  mapped", "weights, the file (shared)", memory.file_bytes,
      measured_text(memory.file ? std::optional(memory.file->mapped_bytes) : std::nullopt).c_str());
  if (memory.file) std::printf(", %" PRIu64 " resident", memory.file->resident_bytes);
  std::printf("\n  %-34s %14" PRIu64 " %14s\n", "weights, packed (private)", memory.packed_bytes,
              measured_text(memory.packed).c_str());
  std::printf("  %-34s %14" PRIu64 "\n", "state", memory.planned.state_bytes);
  std::printf("  %-34s %14" PRIu64 "\n", "arena", memory.planned.arena_bytes);
  std::printf("  %-34s %14" PRIu64 " %14s\n", "state and arena, one block",
              memory.planned.total_bytes, measured_text(memory.session).c_str());
  std::printf("  %-34s %14s %14s\n", "heap and threads' stacks", "",
              memory.other ? std::to_string(*memory.other).c_str() : "unknown");
  std::printf("  (measured: whole pages, counted by the kernel)\n");
}

Json memory_json(const Inspection& found) {
  const auto measured = [](const auto& value) { return value ? Json(*value) : Json(); };
  const MemoryRegions& memory = found.memory;
  Json sessions = Json::array();
  for (const auto& plan : found.plans) {
    sessions.push_back({{"chunk", plan.chunk},
                        {"state_bytes", plan.memory.state_bytes},
                        {"arena_bytes", plan.memory.arena_bytes},
                        {"total_bytes", plan.memory.total_bytes}});
  }
  return {{"weights_bytes", memory.file_bytes},
          {"packed_bytes", memory.packed_bytes},
          {"sessions", sessions},
          {"measured",
           {{"chunk", found.measured_chunk},
            {"mapped_bytes", memory.file ? Json(memory.file->mapped_bytes) : Json()},
            {"mapped_resident_bytes", memory.file ? Json(memory.file->resident_bytes) : Json()},
            {"packed_bytes", measured(memory.packed)},
            {"session_bytes", measured(memory.session)},
            {"other_bytes", measured(memory.other)}}}};
}

Json operators_json(const ModelFile& file, const schema::EntryPoint& entry) {
  Json list = Json::array();
  for (const auto& line : describe_operators(file, entry)) {
    list.push_back({{"name", line.layer.empty() ? line.name : line.layer + "." + line.name},
                    {"kind", line.kind},
                    {"flow", line.flow}});
  }
  return list;
}

void print_json(const Options& options, const Inspection& found) {
  const schema::Model& header = found.file.header();
  Json by_type = Json::object();
  for (const auto& [type, count] : found.weights.by_type) {
    by_type[type] = {
        {"tensors", count.tensors}, {"elements", count.elements}, {"bytes", count.bytes}};
  }
  Json entries = Json::array();
  for (const auto* entry : *header.entry_points()) {
    Json item = {{"name", entry->name()->str()}, {"operator_count", entry->operators()->size()}};
    if (options.unfolded) item["operators"] = operators_json(found.file, *entry);
    entries.push_back(item);
  }
  Json report = {{"name", found.info.name},
                 {"architecture", found.info.architecture},
                 {"format_version", text("%u.%u", header.version_major(), header.version_minor())},
                 {"source", found.info.source},
                 {"source_sha256", string_of(header.metadata()->source_sha256())},
                 {"license", found.info.license},
                 {"converter", string_of(header.metadata()->converter())},
                 {"weights", found.info.weights},
                 {"parameters", found.weights.parameters},
                 {"weights_by_type", by_type},
                 {"weight_bytes_per_token", found.weights.bytes_per_token},
                 {"vocabulary", found.info.vocabulary},
                 {"context", found.info.context},
                 {"has_context_limit", found.info.has_context_limit},
                 {"positions", found.info.positions},
                 {"is_encoder", !found.info.has_decoder}};
  const auto* tokenizer = header.tokenizer();
  report["tokenizer"] = tokenizer == nullptr
                            ? Json()
                            : Json{{"kind", schema::EnumNameTokenizerKind(tokenizer->kind())},
                                   {"vocabulary", tokenizer->vocabulary()}};
  report["entry_points"] = entries;
  report["memory"] = memory_json(found);
  std::printf("%s\n", report.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

int print_operator_list(const Options& options) {
  std::vector<std::string> models = {options.model};
  models.insert(models.end(), options.more.begin(), options.more.end());
  std::printf("%s", operator_list(models).c_str());
  return 0;
}

int inspect(Options options) {
  if (options.operators) return print_operator_list(options);
  if (!options.more.empty())
    throw std::runtime_error("inspect takes one model, or several with --operators");
  options.session = with_defaults(options.session);
  Model model;
  MemoryRegions memory = measure_memory(options.model, options.session, &model);
  ModelFile file(options.model);
  const WeightFigures weights = count_weights(file);
  const Inspection found = {std::move(file),  weights,
                            model.describe(), plan_sessions(model, options.session),
                            memory,           options.session.chunk};
  if (options.json) {
    print_json(options, found);
  } else {
    print_metadata(options, found);
    print_graph(found, options.unfolded);
    print_memory(options, found);
  }
  return 0;
}

}  // namespace

Command add_inspect(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("inspect", "Show a model's graph and memory");
  command->add_option("model", options->model, "A .linnet file")->required();
  command->add_option("more", options->more, "More of them, for --operators");
  command->add_flag(
      "--operators", options->operators,
      "Only the operators, types of weights and parts of tokenizers that the models need, for\n"
      "the build's LINNET_OPERATOR_LIST");
  command->add_flag("--unfolded", options->unfolded, "Every operator, equal layers not folded");
  command->add_option("--chunk", options->session.chunk,
                      "Tokens per chunk of the measured run [256]");
  command->add_option("--context", options->session.context,
                      "Tokens that softmax layers remember [2048]");
  command->add_option("--threads,-t", options->session.threads, "0: one per core, at most 8");
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer(
      "Opens the model, runs one chunk and compares each region's planned bytes with those that\n"
      "the process then holds.\n\n"
      "Examples: linnet inspect model.linnet\n"
      "          linnet inspect --operators model.linnet other.linnet > operators.txt\n"
      "          cmake --preset release -DLINNET_OPERATOR_LIST=$PWD/operators.txt");
  return {command, [options] { return inspect(*options); }};
}

}  // namespace linnet::cli
