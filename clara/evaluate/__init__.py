"""From embeddings to honest figures: tasks, protocols, metrics and the report.

An encoder is anything with `audio(...)`, `text(...)` and `seen(...)` (`clara.embed.Encoder`); this
package knows no checkpoint format, so CLARA, a rival and a baseline are measured by the same code.
`run.evaluate` is the way in; `protocols` is a room.
"""
