--- Add the entry of an occurrence and move its schedule on to the next one.
--
-- Invariant: an occurrence is added once. The caller says which one it saw (`seen`): when the schedule has moved on, was changed,
-- paused or removed since, nothing is done. The entry is added and the schedule moved in one script, so a process that dies before
-- the script leaves the occurrence to the others, and one that dies after it has done all.
-- @batch 16
-- @full refused      it adds an entry
-- @include now
-- @include typed
-- @include stream/append
-- @include stream/schedule
-- @include stream/unfinished
-- @shared limits   limits of the stream, see lua/_lib/stream/append.lua
-- @item keys all   stream, hash, due and ids (see lua/_lib/stream/schedule.lua), then ready and delayed of each group of `names`; with order by key then its places (lua/_lib/stream/places.lua); with tags last their index (tagging.lua)
-- @item arg id     schedule
-- @item arg seen   text that the read returned; empty to add an entry now, whatever is due
-- @item arg next   the next occurrence in ms; empty when there is none
-- @item arg payload JSON text and its tags (lua/_lib/stream/append.lua); empty to add nothing, because the occurrence was missed
-- @item arg names  the groups, separated by spaces; no entry is added while one of them has to finish the one before. Empty: not asked
-- @item arg name   key of the entry, if any
-- @returns string  + and the entry's id; or what was done instead: `missed` or `overlap`, the schedule moved on without an entry; `full`, `stale`, `early`, `groups`, `gone`, nothing was done

local streams = {}

local function item(all, id, seen, next, payload, names, name)
  local stream, schedules, due = all[1], all[2], all[3]
  local wrong = typed(stream, 'stream') or typed(schedules, 'hash') or typed(due, 'zset')
  local list = {}
  for group in string.gmatch(names, '%S+') do
    local at = 5 + #list / 3 * 2
    wrong = wrong or typed(all[at], 'stream') or typed(all[at + 1], 'zset')
    list[#list + 1], list[#list + 2], list[#list + 3] = group, all[at], all[at + 1]
  end
  local places_at = 5 + #list / 3 * 2
  local log = streams[stream] or append.open({ stream, unpack(all, places_at, places_at + 2) }, 1, limits)
  streams[stream] = log
  wrong = wrong or append.wrong(log)
  if wrong then
    return wrong
  end
  local is, at = schedule.seen(schedules, due, id)
  if not is then
    return 'gone'
  end
  if seen ~= '' and is ~= seen then
    return 'stale'
  end
  if seen ~= '' and (not at or at > now / 1000) then
    return 'early'
  end

  local outcome
  if payload == '' then
    outcome = 'missed'
  elseif names ~= '' then
    local last = redis.call('HGET', schedules, 'e' .. id)
    if last and string.match(last, '^%d+%-%d+$') then
      local open = unfinished(stream, last, list) or name ~= '' and log.ordered.is_queued(log, name, last)
      if open == 'groups' then
        return open
      end
      outcome = open and 'overlap' or nil
    end
  end
  if not outcome then
    local may = append.prepare(log)
    if may ~= true then
      return may or 'full'
    end
    local entry = append.apply(log, payload, '', name ~= '' and ' ' .. name or '')
    if type(entry) == 'table' then
      return entry
    end
    redis.call('HSET', schedules, 'e' .. id, entry)
    outcome = '+' .. entry
  end
  if seen ~= '' then
    redis.call('HSET', schedules, 'l' .. id, string.format('%.0f', at))
    if next == '' then
      redis.call('ZREM', due, id)
    else
      redis.call('ZADD', due, next, id)
    end
  end
  return outcome
end
