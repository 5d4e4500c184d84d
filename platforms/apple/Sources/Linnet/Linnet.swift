// Linnet for Swift: owners of the C interface's handles, and nothing else. linnet.h says what every
// call does and what its options mean.
import CLinnet

/// A failed call: its status and one line that says why.
public struct LinnetError: Error, CustomStringConvertible {
  public let status: linnet_status
  public let description: String
}

/// Runs a call that fills a message, and throws what it says.
private func check(_ call: (UnsafeMutablePointer<linnet_message>) -> linnet_status) throws {
  var why = linnet_message()
  let status = call(&why)
  guard status != LINNET_OK else { return }
  let text = withUnsafeBytes(of: &why.text) { bytes in
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
  throw LinnetError(status: status, description: text)
}

/// The immutable weights and graph of one file, for any number of threads and sessions.
public final class Model {
  let handle: OpaquePointer

  /// Maps and verifies a file, and packs its matrices where it does not have them packed.
  public init(path: String) throws {
    var opened: OpaquePointer?
    try check { linnet_model_open(path, nil, &opened, $0) }
    handle = opened!
  }

  deinit { linnet_model_close(handle) }

  public var info: linnet_model_info {
    var info = linnet_model_info()
    linnet_model_describe(handle, &info)
    return info
  }

  /// How the model writes unless it is told otherwise.
  public var generateDefaults: linnet_generate_options { linnet_generate_options_defaults(handle) }

  /// Token ids of a text.
  public func tokenize(_ text: String, specialTokens: Bool = true) throws -> [Int32] {
    var text = text
    return try text.withUTF8 { bytes in
      try bytes.withMemoryRebound(to: CChar.self) { characters in
        var ids = [Int32](repeating: 0, count: characters.count + 8)
        var count = 0
        repeat {
          if count > ids.count { ids = [Int32](repeating: 0, count: count) }
          try check {
            linnet_tokenize(handle, characters.baseAddress, characters.count, specialTokens, &ids,
                            ids.count, &count, $0)
          }
        } while count > ids.count
        return Array(ids.prefix(count))
      }
    }
  }

  /// A classifier's label; nil: there is none of this number.
  public func label(_ index: Int) -> String? {
    linnet_model_label(handle, index).map { String(cString: $0) }
  }
}

/// One stream of tokens through a model, for one thread at a time.
public final class Session {
  let handle: OpaquePointer
  private let model: Model

  public init(_ model: Model,
              options: linnet_session_options = linnet_session_options_defaults()) throws {
    self.model = model
    var opened: OpaquePointer?
    var options = options
    try check { linnet_session_open(model.handle, &options, nil, &opened, $0) }
    handle = opened!
  }

  deinit { linnet_session_close(handle) }

  /// Tokens since the state was empty.
  public var position: UInt64 { linnet_session_position(handle) }

  /// Empties the state.
  public func reset() { linnet_session_reset(handle) }

  /// From any thread: stops the call that runs now before its next operator.
  public func cancel() { linnet_session_cancel(handle) }

  /// Runs tokens; returns the logits of the last one.
  public func run(_ tokens: [Int32]) throws -> [Float] {
    var logits = [Float](repeating: 0, count: Int(model.info.vocabulary))
    try check { linnet_run(handle, tokens, tokens.count, &logits, $0) }
    return logits
  }

  /// Hands the text that follows `prompt` to `receive`, characters by characters, until the model
  /// ends it or `receive` returns false.
  @discardableResult
  public func generate(_ prompt: String, options: linnet_generate_options? = nil,
                       receive: (String) -> Bool) throws -> linnet_generated {
    var options = options ?? model.generateDefaults
    var generated = linnet_generated()
    var prompt = prompt
    try withoutActuallyEscaping(receive) { receive in
      var receiver = receive
      try prompt.withUTF8 { bytes in
        try bytes.withMemoryRebound(to: CChar.self) { characters in
          try withUnsafeMutablePointer(to: &receiver) { context in
            try check {
              linnet_generate(
                handle, characters.baseAddress, characters.count, &options,
                { text, size, context in
                  let piece = UnsafeRawBufferPointer(start: text, count: size)
                  let receive = context!.assumingMemoryBound(to: ((String) -> Bool).self).pointee
                  return receive(String(decoding: piece, as: UTF8.self))
                }, context, &generated, $0)
            }
          }
        }
      }
    }
    return generated
  }
}
