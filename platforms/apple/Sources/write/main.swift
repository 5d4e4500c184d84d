// Continues a text: write MODEL.linnet PROMPT
import Foundation
import Linnet

guard CommandLine.arguments.count == 3 else {
  print("usage: write MODEL.linnet PROMPT")
  exit(2)
}
do {
  let model = try Model(path: CommandLine.arguments[1])
  let session = try Session(model)
  var options = model.generateDefaults
  options.max_tokens = 32
  try session.generate(CommandLine.arguments[2], options: options) { text in
    print(text, terminator: "")
    return true
  }
  print()
} catch {
  print(error)
  exit(1)
}
