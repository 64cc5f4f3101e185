"""The room of protocols: how a task is measured.

Each file holds one function `run(task, encoder, data) -> Scores`, given a task
(`clara.evaluate.tasks.Task`), an encoder (`clara.embed.Encoder`) and the embedded recordings
(`clara.evaluate.embedded.EmbeddedIndex`).
"""
