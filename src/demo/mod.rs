//! The main job on a built-in agent, provider and set of tool outputs.
