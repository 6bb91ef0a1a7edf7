-- `reversal`: undoes an increment by its id, in the windows that still count it, in two phases.
--
-- - `reversal.open(keys, plan)` returns the board. `plan` is JSON, see lua/_lib/leaderboard/board.lua, with the calendar periods at
--   the time of the increment and `ended`, see end-season.lua; also `ids`, `idlog`, `dedup`.
-- - `reversal.prepare(of, id, time)` returns a plan for the increment made at that time in microseconds. Or false when there is
--   nothing to undo, 0 when more entries have expired (call again), or an error.
-- - `reversal.apply(of, plan)` undoes it.
--
-- A plan depends on the stored data: apply it before the next one is prepared.
-- @include leaderboard/tell_change
-- @include leaderboard/board
-- @include earlier
-- @include now
-- @include leaderboard/remove_expired
local reversal = { open = nil, prepare = nil, apply = nil }

-- Whether a window's log still has an entry.
local function has_entry(window, entry)
  if window.grain then
    return string.find(redis.call('HGET', window.parts, entry) or '', '^%-?%d+$') ~= nil
  end
  return redis.call('XRANGE', window.log, entry, entry)[1] ~= nil
end

-- Whether the season of a window that counted an increment has ended, or the window was cleared since: `ended` is the field of the marker
-- of its period, which has a place in the log of ids.
local function has_ended(of, ended, place)
  local marker = ended and redis.call('HGET', of.keys[of.config.ids], ended)
  return marker and board.time_of(marker) and earlier(place, marker)
end

local function delete_entry(window, entry, amount)
  if window.grain then
    redis.call('HINCRBY', window.parts, entry, -amount)
  else
    redis.call('XDEL', window.log, entry)
  end
end

-- The record of an increment: its position in the log of ids, amount, entries in rolling windows and member. Nil when the id has
-- expired, the increment was undone, or its member was removed later.
local function record_of(of, id, time)
  local config, ids = of.config, of.keys[of.config.ids]
  local record = redis.call('HGET', ids, 'i' .. id)
  if not record or board.time_of(record) ~= time or now - time >= config.dedup then
    return nil
  end
  local place, amount, entries, member = string.match(record, '^(%S+) (%S+) (%S+) (.*)$')
  local removed = member and redis.call('HGET', ids, 'x' .. member)
  removed = removed and board.time_of(removed) and removed
  if not tonumber(amount) or removed and earlier(place, removed) then
    return nil
  end
  return place, tonumber(amount), entries, member
end

function reversal.open(keys, plan)
  return { keys = keys, config = cjson.decode(plan), windows = nil }
end

function reversal.prepare(of, id, time)
  local config, keys = of.config, of.keys
  of.windows = of.windows or board.open(keys, config)
  local wrong = board.wrong(config, keys, of.windows)
  if wrong then
    return wrong
  end
  local place, amount, entries, member = record_of(of, id, tonumber(time))
  if not place then
    return false
  end
  if not remove_expired(config, of.windows) then
    return 0
  end
  local next_entry = string.gmatch(entries, '[^,-]+%-%d+')
  local writes = {}
  for at, window in ipairs(of.windows) do
    local before = tonumber(redis.call('ZSCORE', window.z, member)) or false
    local entry = window.log and next_entry()
    local counts = before
    if window.log then
      counts = entry and has_entry(window, entry)
    elseif before then
      counts = not has_ended(of, config.windows[at].ended, place)
    end
    if counts and amount ~= 0 then
      local score = (before and board.score(config, before) or 0) - amount
      if math.abs(score) > (config.limit or 1.7976931348623157e308) then
        return redis.error_reply('ERR the score of ' .. member .. ' without the increment would be too large')
      end
      local after = not (window.log and score == 0) and board.value(config, score, now)
      writes[#writes + 1] = { window = window, before = before, after = after, entry = entry }
    end
  end
  if #writes == 0 then
    return false
  end
  return { field = 'i' .. id, place = place, member = member, amount = amount, writes = writes }
end

function reversal.apply(of, plan)
  tell_change(of.config)
  for _, each in ipairs(plan.writes) do
    board.write(of.config, each.window, plan.member, each.before, each.after)
    if each.entry then
      delete_entry(each.window, each.entry, plan.amount)
      board.keep_with_log(each.window)
    end
  end
  redis.call('HSET', of.keys[of.config.ids], plan.field, plan.place .. ' - - -')
end
