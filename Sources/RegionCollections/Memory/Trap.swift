/// Stops the process with a sentence, in release builds as well.
@usableFromInline
@inline(never)
func trap(_ sentence: String) -> Never { fatalError(sentence) }
