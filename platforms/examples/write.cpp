// Continues a text: write MODEL.linnet PROMPT
#include <iostream>
#include <linnet/linnet.hpp>
#include <string_view>

int main(int count, char** arguments) {
  if (count != 3) {
    std::cerr << "usage: " << arguments[0] << " MODEL.linnet PROMPT\n";
    return 2;
  }
  linnet::Model model;
  if (const auto opened = model.open(arguments[1]); !opened.ok()) {
    std::cerr << "cannot open the model: " << opened.message() << "\n";
    return 1;
  }
  linnet::Session session;
  if (const auto opened = session.open(model); !opened.ok()) {
    std::cerr << "cannot open a session: " << opened.message() << "\n";
    return 1;
  }
  auto options = model.generate_defaults();
  options.max_tokens = 32;
  const auto print = [](std::string_view text) {
    std::cout << text << std::flush;
    return std::cout.good();
  };
  if (const auto written = session.generate(arguments[2], options, print); !written.ok()) {
    std::cerr << "cannot write: " << written.message() << "\n";
    return 1;
  }
  std::cout << "\n";
  return 0;
}
