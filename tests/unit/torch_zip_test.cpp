#include "tools/convert/formats/torch_zip.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/torch_zip_builder.h"

namespace linnet::convert {
namespace {

using test::kPickleStart;
using test::pickled;
using test::pickled_entry;
using test::TempFolder;
using test::TorchTensor;
using test::ZipBuilder;

using Floats = std::vector<float>;

const std::string kFloats = test::bytes_of_all(Floats{1, 2, 3, 4, 5, 6});

std::unique_ptr<Checkpoint> open_bytes(const TempFolder& folder, const std::string& bytes) {
  return open_checkpoint(folder.write("model.pth", bytes));
}

std::unique_ptr<Checkpoint> open_pickle(const TempFolder& folder, const std::string& object) {
  return open_bytes(folder, test::torch_zip(kPickleStart + object + ".", kFloats));
}

std::unique_ptr<Checkpoint> open_tensor(const TempFolder& folder, const TorchTensor& tensor) {
  return open_pickle(folder, pickled_entry("w", pickled(tensor)));
}

std::string good_pickle() {
  return kPickleStart + pickled_entry("w", pickled(TorchTensor{})) + ".";
}

}  // namespace

TEST_CASE("torch: tensors of a state dictionary are listed and read") {
  const TempFolder folder;
  const auto checkpoint = open_tensor(folder, {});
  CHECK(checkpoint->tensors().size() == 1);
  CHECK(checkpoint->tensor("w").type == StoredType::f32);
  CHECK(checkpoint->tensor("w").shape_text() == "[2, 3]");
  CHECK(checkpoint->read("w") == Floats{1, 2, 3, 4, 5, 6});
}

TEST_CASE("torch: views of a storage are read where they lie") {
  const TempFolder folder;
  TorchTensor tensor;
  SUBCASE("transposed") {
    tensor.shape = {3, 2};
    tensor.strides = {1, 3};
    CHECK(open_tensor(folder, tensor)->read("w") == Floats{1, 4, 2, 5, 3, 6});
  }
  SUBCASE("a column") {
    tensor.first = 1;
    tensor.shape = {2};
    tensor.strides = {3};
    CHECK(open_tensor(folder, tensor)->read("w") == Floats{2, 5});
  }
  SUBCASE("expanded") {
    tensor.first = 3;
    tensor.shape = {2, 3};
    tensor.strides = {0, 1};
    CHECK(open_tensor(folder, tensor)->read("w") == Floats{4, 5, 6, 4, 5, 6});
  }
  SUBCASE("a scalar") {
    tensor.first = 5;
    tensor.shape = tensor.strides = {};
    CHECK(open_tensor(folder, tensor)->read("w") == Floats{6});
  }
  SUBCASE("empty") {
    tensor.first = 6;
    tensor.shape = {0, 3};
    CHECK(open_tensor(folder, tensor)->read("w").empty());
  }
}

TEST_CASE("torch: nested dictionaries and lists give joined names, and only tensors") {
  const TempFolder folder;
  const std::string tensor = pickled(TorchTensor{});
  const std::string model = "ccollections\nOrderedDict\n)R(" + pickled("a.b") + tensor +
                            pickled("c") + "]" + "(N" + tensor + "eu" + "}" + pickled("_metadata") +
                            "}sb";
  const std::string optimizer = "}(" + pickled(int64_t{7}) + tensor + "K\x08" + "G\x3f\xf0" +
                                std::string(6, '\0') + pickled("lr") + "\x88u";
  const auto checkpoint =
      open_pickle(folder, "}(" + pickled("model") + model + pickled("opt") + optimizer + "u");
  std::vector<std::string> names;
  for (const auto& [name, stored] : checkpoint->tensors()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"model.a.b", "model.c.1", "opt.7"});
}

TEST_CASE("torch: protocol 4 with memo, frames and a wrapped parameter is read") {
  const TempFolder folder;
  const std::string wrapped = "\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_parameter\x94\x93\x94(" +
                              pickled(TorchTensor{}) + "\x94\x88}t\x94R\x94";
  const std::string pickle = "\x80\x04\x95" + test::bytes_of(uint64_t{99}) + "}\x94(\x8c\x01w\x94" +
                             wrapped +
                             "\x8c\x05"
                             "again\x94h\x07u.";
  const auto checkpoint = open_bytes(folder, test::torch_zip(pickle, kFloats));
  CHECK(checkpoint->read("w") == Floats{1, 2, 3, 4, 5, 6});
  CHECK(checkpoint->read("again") == Floats{1, 2, 3, 4, 5, 6});
}

TEST_CASE("torch: zip64 archives, comments and any top folder are read") {
  const TempFolder folder;
  ZipBuilder::Options zip64;
  zip64.zip64 = true;
  const auto build = [&] {
    return ZipBuilder().add("any/data.pkl", good_pickle(), zip64).add("any/data/0", kFloats, zip64);
  };
  CHECK(open_bytes(folder, build().finish(true))->read("w").size() == 6);
  CHECK(open_bytes(folder, build().finish(false, "a comment PK\x05\x06"))->read("w").size() == 6);
}

TEST_CASE("torch: a pickle that wants to run something is refused, naming it") {
  const TempFolder folder;
  CHECK_FAILS_WITH(open_pickle(folder, "cos\nsystem\n(" + pickled("true") + "tR"),
                   "refuses to run os.system");
  CHECK_FAILS_WITH(open_pickle(folder, pickled("builtins") + pickled("eval") + "\x93"),
                   "refuses to run builtins.eval");
  CHECK_FAILS_WITH(open_pickle(folder, "ctorch\nFloatStorage\n)R"), "refuses to run torch.Float");
  CHECK_FAILS_WITH(open_pickle(folder, "(ios\nsystem\n"), "do not need: 105");
  CHECK_FAILS_WITH(open_pickle(folder, "N)R"), "calls what is not a function");
  CHECK_FAILS_WITH(open_pickle(folder, "N}b"), "sets the state of what is not a dictionary");
}

TEST_CASE("torch: a pickle that breaks its stack or its memo is refused") {
  const TempFolder folder;
  for (const char* object :
       {"",       "0",    "2",     "s",     "N}s", "a",  "Na",  "t",    "u",     "(NN",
        "(Nu",    "}(Nu", "h\x05", "q\x01", "R",   "NR", "Q",   "\x85", "N\x86", "\x93",
        "NN\x93", "NN",   "(d(",   "N(a",   "1",   "b",  "(Nd", "e",    "(e"}) {
    CHECK_FAILS_WITH(open_pickle(folder, object), "model.pth (model/data.pkl), byte ");
  }
  CHECK_FAILS_WITH(open_bytes(folder, test::torch_zip("", kFloats)), "cut off");
  CHECK_FAILS_WITH(open_bytes(folder, test::torch_zip("}.", kFloats)), "not a pickle");
  CHECK_FAILS_WITH(open_bytes(folder, test::torch_zip("\x80\x06}.", kFloats)), "found 6");
}

TEST_CASE("torch: a pickle that stands for an endless tree is refused") {
  const TempFolder folder;
  CHECK_FAILS_WITH(open_pickle(folder,
                               "]q\x01h\x01"
                               "a"),
                   "nested too deeply");
  CHECK_FAILS_WITH(open_pickle(folder, "}q\x01" + pickled("k") + "h\x01s"), "nested too deeply");
  std::string doubling = "]";
  for (int i = 0; i < 40; ++i) doubling += "2\x86";
  CHECK_FAILS_WITH(open_pickle(folder, doubling), "too often");
  CHECK_FAILS_WITH(open_pickle(folder, std::string(100'000, ']') + std::string(99'999, 'a')),
                   "nested too deeply");
  std::string long_names = "N";
  for (int i = 0; i < 60; ++i)
    long_names = "}" + pickled(std::string(1000, 'k')) + long_names + "s";
  CHECK_FAILS_WITH(open_pickle(folder, long_names), "too long");
}

TEST_CASE("torch: a tensor that does not lie in its storage is refused") {
  const TempFolder folder;
  const auto refused = [&](const TorchTensor& tensor, const char* why) {
    CHECK_FAILS_WITH(open_tensor(folder, tensor), "w'");
    CHECK_FAILS_WITH(open_tensor(folder, tensor), why);
  };
  const int64_t huge = int64_t{1} << 62;
  refused({.first = 1}, "reaches beyond its storage of 6");
  refused({.shape = {2, 4}, .strides = {3, 1}}, "reaches beyond");
  refused({.shape = {2, 2}, .strides = {huge, huge}}, "reaches beyond");
  refused({.shape = {3, 2}, .strides = {huge - 1 + huge, 1}}, "reaches beyond");
  refused({.first = huge - 1 + huge}, "reaches beyond");
  refused({.shape = {huge, huge}}, "too large");
  refused({.shape = {0, huge, huge}, .strides = {1, 1, 1}}, "too large");
  refused({.shape = {huge, 1}, .strides = {0, 1}}, "repeats the 6 values");
  refused({.elements = 7}, "does not fit the 24 bytes");
  refused({.elements = huge}, "does not fit the 24 bytes");
  refused({.elements = -1}, "storage size -1 is negative");
  refused({.first = -1}, "storage offset -1 is negative");
  refused({.strides = {-3, 1}}, "stride -3 is negative");
  refused({.shape = {-2, 3}}, "shape -2 is negative");
  refused({.strides = {1}}, "2 strides expected, found 1");
  refused({.shape = std::vector<int64_t>(65, 1)}, "more than 64 dimensions");
}

TEST_CASE("torch: a storage that is missing or described wrongly is refused") {
  const TempFolder folder;
  CHECK_FAILS_WITH(open_tensor(folder, {.storage = "1"}), "no zip entry 'model/data/1'");
  CHECK_FAILS_WITH(open_tensor(folder, {.type = "QInt8Storage"}), "refuses to run torch.QInt8");
  const std::string rebuild = "ctorch._utils\n_rebuild_tensor_v2\n";
  CHECK_FAILS_WITH(open_pickle(folder, rebuild + ")R"), "too few arguments");
  CHECK_FAILS_WITH(open_pickle(folder, rebuild + "(NNNNtR"), "has no storage");
  CHECK_FAILS_WITH(open_pickle(folder, rebuild + "(NQNNNtR"), "five fields");
  CHECK_FAILS_WITH(open_pickle(folder, rebuild + "((NNNNNtQNNNtR"), "unexpected types");
  CHECK_FAILS_WITH(open_pickle(folder, "}(" + pickled("w") + pickled(TorchTensor{}) + pickled("w") +
                                           pickled(TorchTensor{}) + "u"),
                   "tensor 'w' is there twice");
}

TEST_CASE("torch: archives that torch.save does not write are refused") {
  const TempFolder folder;
  const auto opened_with = [&](const ZipBuilder::Options& options) {
    const std::string name = "m/data.pkl";
    open_bytes(folder,
               ZipBuilder().add(name, good_pickle(), options).add("m/data/0", kFloats).finish());
  };
  opened_with({});
  CHECK_FAILS_WITH(opened_with({.method = 8}), "'m/data.pkl' is compressed");
  CHECK_FAILS_WITH(opened_with({.flags = 1}), "is encrypted");
  CHECK_FAILS_WITH(opened_with({.local_name = "m/data.PKL"}), "does not start where");
  CHECK_FAILS_WITH(opened_with({.claimed_size = 1 << 20}), "lies outside the file");
  CHECK_FAILS_WITH(opened_with({.zip64 = true, .claimed_size = ~uint64_t{0}}), "lies outside");
  CHECK_FAILS_WITH(open_bytes(folder, ZipBuilder().add("m/a", "").finish()), "without data.pkl");
  CHECK_FAILS_WITH(open_bytes(folder, ZipBuilder().add("a", "").add("a", "").finish()),
                   "'a' twice");
  CHECK_FAILS_WITH(
      open_bytes(folder, ZipBuilder().add("a/data.pkl", "").add("b/data.pkl", "").finish()),
      "has both 'a/data.pkl' and 'b/data.pkl'");
  CHECK_FAILS_WITH(
      open_bytes(folder,
                 ZipBuilder().add("m/byteorder", "big").add("m/data.pkl", good_pickle()).finish()),
      "found 'big'");
}

TEST_CASE("torch: formats before the zip one are refused with what to do") {
  const TempFolder folder;
  CHECK_FAILS_WITH(open_bytes(folder, "\x80\x02\x8a\x0alegacy"), "load it with a current torch");
  CHECK_FAILS_WITH(open_bytes(folder, "whatever"), "neither a safetensors file nor a zip file");
  CHECK_FAILS_WITH(open_bytes(folder, ""), "neither a safetensors file nor a zip file");
}

TEST_CASE("torch: a file cut off anywhere or with any byte changed never crashes") {
  const TempFolder folder;
  const std::string good = test::torch_zip(good_pickle(), kFloats);
  for (size_t length = 0; length < good.size(); ++length) {
    CHECK_FAILS_WITH(open_bytes(folder, good.substr(0, length)), "model.pth");
  }
  const std::string pickle = good_pickle();
  for (size_t length = 0; length < pickle.size(); ++length) {
    CHECK_FAILS_WITH(open_bytes(folder, test::torch_zip(pickle.substr(0, length), kFloats)),
                     "cut off");
  }
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int change : {0x01, 0x20, 0x80, 0xff}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ change);
      test::message_of([&] {
        const auto checkpoint = open_bytes(folder, bad);
        for (const auto& [name, tensor] : checkpoint->tensors()) checkpoint->read(name);
      });
    }
  }
}

}  // namespace linnet::convert
