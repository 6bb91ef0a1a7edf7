--- Add an event to its channel's history and send it to subscribers: both or neither.
--
-- The history is a stream whose ids are <epoch>-<offset>. The epoch is the time at which the history began, or that end.lua
-- fixed for it. The offset counts its events. The newest event is never trimmed, so that the count continues. It continues
-- from the last id that the stream generated, also when another program deleted that event.
--
-- Invariant: every event that is sent is stored, and no id names two events. Redis refuses an XADD before it changes
-- anything, and the user's right to SPUBLISH is checked before: nothing can fail after the first write.
-- @batch 64
-- @full refused      it adds an event
-- @full runs as revoke  a revocation must take effect now; its history has a bound
-- @include notifier/publication
-- @shared keys next  sorted set for channels without a history: key and epoch of the next history
-- @shared keep       events to keep, about
-- @shared ttl        milliseconds after its last event until the history expires
-- @shared age        milliseconds after which an event is deleted; 0: no limit
-- @shared window     milliseconds for which a dedup id is remembered
-- @item key history  stream
-- @item key once     string: the event id of the first publish with this dedup id; the history itself without a dedup id
-- @item arg live     pub/sub channel in the same slot; not a key, because a key that never exists cannot move with a slot
-- @item arg kind     the event's type
-- @item arg json     the event's data
-- @item arg coalesce name of the value that the event updates: it supersedes earlier events of this name; empty for none
-- @item arg lasts    milliseconds after which the event is no longer delivered; 0: no limit
-- @returns string    the event's id

local channel = {
  history = false,
  next = next[1],
  live = false,
  keep = keep,
  ttl = ttl,
  age = tonumber(age),
  window = window,
  id = '',
  tag = '',
  at = 0,
  reserved = false,
}

local function item(history, once, live, kind, json, coalesce, lasts)
  channel.history, channel.live = history, live
  once = once ~= history and once or nil
  local prepared = publication.prepare(channel, once)
  if prepared ~= true then
    return prepared
  end
  return publication.apply(channel, once, kind, json, coalesce, lasts)
end
