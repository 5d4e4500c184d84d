#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/linnet/bench_figures.h"
#include "tools/linnet/text_format.h"

namespace linnet::cli {
namespace {

using Json = nlohmann::ordered_json;

void print_speed(const char* name, const Speed& speed) {
  std::printf("  %-8s %6zu tokens %10.1f tokens/s  (%.1f to %.1f)", name, speed.tokens,
              speed.median, speed.min, speed.max);
}

void print_bare(const Speed& speed, const Speed& bare) {
  std::printf(", %.0f %% of bare matrix products (%.1f tokens/s)", 100 * speed.median / bare.median,
              bare.median);
}

void print_prefill(const BenchFigures& figures) {
  for (size_t i = 0; i < figures.prefill.size(); ++i) {
    const Speed& speed = figures.prefill[i];
    print_speed("prefill", speed);
    std::printf("\n           %.0f GOPS", figures.prefill_operations_per_second(speed) * 1e-9);
    if (figures.yardsticks) print_bare(speed, figures.yardsticks->bare.prefill[i]);
    std::printf("\n");
  }
}

void print_decode(const BenchFigures& figures) {
  if (figures.decode.tokens == 0) return;
  print_speed("decode", figures.decode);
  std::printf("\n           reads weights at %.2f GB/s", figures.decode_bytes_per_second() * 1e-9);
  if (figures.yardsticks) {
    const double limit = figures.yardsticks->read_bytes_per_second;
    std::printf(", %.0f %% of the %.1f GB/s that memory gives",
                100 * figures.decode_bytes_per_second() / limit, limit * 1e-9);
    print_bare(figures.decode, figures.yardsticks->bare.decode);
  }
  std::printf("\n           wakes the other threads %" PRIu64 " times per token\n",
              figures.decode_fork_joins);
  if (figures.batch == 0) return;
  print_speed("batch", figures.batch_decode);
  std::printf("\n           %u sessions in one pass over the weights: %.2f times one alone\n",
              figures.batch, figures.batch_decode.median / figures.decode.median);
}

void print_memory(const BenchFigures& figures) {
  const auto bytes = [](uint64_t value) { return format_bytes(value); };
  std::printf("  weights %s (file, mapped), %s packed; state %s; arena %s; process, private %s\n",
              bytes(figures.file_bytes).c_str(), bytes(figures.packed_bytes).c_str(),
              bytes(figures.memory.state_bytes).c_str(), bytes(figures.memory.arena_bytes).c_str(),
              figures.process ? bytes(figures.process->private_bytes).c_str() : "unknown");
}

/// Matrix products are known by their operations in prefill, by the bytes they read in decode.
enum class Phase { prefill, decode };

void print_rows(const std::vector<ProfileRow>& rows, const Profile& profile, Phase phase) {
  for (const ProfileRow& row : rows) {
    std::printf("    %-44.44s %5zu %10.3f ms %6.1f %%", row.name.c_str(), row.operators,
                row.seconds * 1e3, 100 * row.seconds / profile.seconds);
    if (row.operations > 0 && phase == Phase::prefill) {
      std::printf(" %8.0f GOPS", row.operations / row.seconds * 1e-9);
    } else if (row.operations > 0) {
      std::printf(" %8.2f GB/s", row.bytes / row.seconds * 1e-9);
    }
    std::printf("\n");
  }
}

void print_profile(const char* name, const Profile& profile, Phase phase) {
  std::printf("  %s profile, %zu tokens: %.3f ms\n", name, profile.tokens, profile.seconds * 1e3);
  std::printf("    %-44s %5s %13s %8s\n", "kind", "count", "time", "share");
  print_rows(profile.by_kind, profile, phase);
  const double rest = profile.seconds - profile.seconds_in_operators();
  std::printf("    %-44s %5s %10.3f ms %6.1f %%\n", "between operators", "", rest * 1e3,
              100 * rest / profile.seconds);
  std::printf("    %-44s %5s %13s %8s\n", "name", "count", "time", "share");
  print_rows(profile.by_name, profile, phase);
}

Json speed_json(const Speed& speed) {
  return {
      {"tokens", speed.tokens},
      {"tokens_per_second", {{"median", speed.median}, {"min", speed.min}, {"max", speed.max}}}};
}

void add_bare(Json* to, const Speed& speed, const Speed& bare) {
  (*to)["bare_tokens_per_second"] = speed_json(bare)["tokens_per_second"];
  (*to)["share_of_bare"] = speed.median / bare.median;
}

Json prefill_json(const BenchFigures& figures) {
  Json list = Json::array();
  for (size_t i = 0; i < figures.prefill.size(); ++i) {
    const Speed& speed = figures.prefill[i];
    Json entry = speed_json(speed);
    entry["gigaoperations_per_second"] = figures.prefill_operations_per_second(speed) * 1e-9;
    if (figures.yardsticks) add_bare(&entry, speed, figures.yardsticks->bare.prefill[i]);
    list.push_back(std::move(entry));
  }
  return list;
}

Json decode_json(const BenchFigures& figures) {
  if (figures.decode.tokens == 0) return Json::array();
  Json entry = speed_json(figures.decode);
  entry["gigabytes_per_second"] = figures.decode_bytes_per_second() * 1e-9;
  entry["fork_joins_per_token"] = figures.decode_fork_joins;
  if (figures.yardsticks) {
    entry["share_of_read_bandwidth"] =
        figures.decode_bytes_per_second() / figures.yardsticks->read_bytes_per_second;
    add_bare(&entry, figures.decode, figures.yardsticks->bare.decode);
  }
  return Json::array({entry});
}

Json rows_json(const std::vector<ProfileRow>& rows, const Profile& profile) {
  Json list = Json::array();
  for (const ProfileRow& row : rows) {
    Json entry = {{"name", row.name},
                  {"kind", row.kind},
                  {"operators", row.operators},
                  {"seconds", row.seconds},
                  {"share", row.seconds / profile.seconds}};
    if (row.operations > 0) {
      entry["gigaoperations_per_second"] = row.operations / row.seconds * 1e-9;
      entry["gigabytes_per_second"] = row.bytes / row.seconds * 1e-9;
    }
    list.push_back(std::move(entry));
  }
  return list;
}

Json profile_json(const Profile& profile) {
  return {{"tokens", profile.tokens},
          {"seconds", profile.seconds},
          {"seconds_in_operators", profile.seconds_in_operators()},
          {"by_kind", rows_json(profile.by_kind, profile)},
          {"by_name", rows_json(profile.by_name, profile)}};
}

Json memory_json(const BenchFigures& figures) {
  return {{"weights_bytes", figures.file_bytes},
          {"packed_bytes", figures.packed_bytes},
          {"state_bytes", figures.memory.state_bytes},
          {"arena_bytes", figures.memory.arena_bytes},
          {"private_bytes", figures.process ? Json(figures.process->private_bytes) : Json()}};
}

}  // namespace

void print_bench_report(const BenchFigures& figures) {
  std::printf("%s: %s, %s parameters, %s weights; %u threads, chunks of %u\n", figures.path.c_str(),
              figures.architecture.c_str(), format_count(figures.weights.parameters).c_str(),
              figures.weights_name.c_str(), figures.session.threads, figures.session.chunk);
  print_prefill(figures);
  print_decode(figures);
  std::printf("  load             %10.3f s\n", figures.load_seconds);
  std::printf("  first token      %10.3f s  (load, open a session, run %zu tokens)\n",
              figures.first_token_seconds, first_prompt);
  print_memory(figures);
  if (figures.prefill_profile) print_profile("prefill", *figures.prefill_profile, Phase::prefill);
  if (figures.decode_profile) print_profile("decode", *figures.decode_profile, Phase::decode);
}

void print_bench_json(const BenchFigures& figures) {
  Json report = {{"model", figures.path},
                 {"architecture", figures.architecture},
                 {"weights", figures.weights_name},
                 {"parameters", figures.weights.parameters},
                 {"threads", figures.session.threads},
                 {"chunk", figures.session.chunk},
                 {"prefill", prefill_json(figures)},
                 {"decode", decode_json(figures)},
                 {"load_seconds", figures.load_seconds},
                 {"first_token_seconds", figures.first_token_seconds},
                 {"memory", memory_json(figures)}};
  if (figures.batch != 0) {
    report["batch"] = speed_json(figures.batch_decode);
    report["batch"]["sessions"] = figures.batch;
  }
  if (figures.yardsticks) {
    report["read_gigabytes_per_second"] = figures.yardsticks->read_bytes_per_second * 1e-9;
  }
  if (figures.prefill_profile) {
    report["profile"]["prefill"] = profile_json(*figures.prefill_profile);
  }
  if (figures.decode_profile) {
    report["profile"]["decode"] = profile_json(*figures.decode_profile);
  }
  std::printf("%s\n", report.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace linnet::cli
