--- Keep an event in its channel's history and send it to who listens: both or neither.
--
-- The history is a stream whose ids are <epoch>-<offset>: the epoch is the time at which the history began, or was fixed to
-- begin (end.lua); the offset counts its events. The newest event is never trimmed, so that the count goes on. It goes on
-- from the last id that the stream generated, also when somebody deleted that event.
--
-- Invariant: nothing is sent that is not kept, and no id names two events. Redis refuses an XADD before it does anything of
-- it, and the user's right to SPUBLISH is asked for before: nothing can fail after the first write.
-- @batch 64
-- @full refused      it adds an event
-- @full runs as revoke  who lost a right must lose it now; its history has a bound
-- @include notifier/publication
-- @shared keys next  sorted set: of channels without a history, the key of the history and its epoch to be
-- @shared keep       events to keep
-- @shared ttl        milliseconds that the history outlives its last event
-- @shared age        milliseconds that an event is kept; 0 for no such bound
-- @shared window     milliseconds in which a publish with the same id is the same publish
-- @item key history  stream
-- @item key once     string, the id that the first publish of this id got; the history itself for an event without an id
-- @item arg live     pub/sub channel of the same slot; no key, since a key that never exists cannot be moved with a slot
-- @item arg kind     the event's type
-- @item arg json     the event's data
-- @item arg coalesce what the event supersedes the earlier ones of; empty for nothing
-- @item arg lasts    milliseconds after which the event is not worth reading any more; 0 for as long as it is kept
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
  fixed = false,
}

local function item(history, once, live, kind, json, coalesce, lasts)
  channel.history, channel.live = history, live
  once = once ~= history and once or nil
  local may = publication.prepare(channel, once)
  if may ~= true then
    return may
  end
  return publication.apply(channel, once, kind, json, coalesce, lasts)
end
