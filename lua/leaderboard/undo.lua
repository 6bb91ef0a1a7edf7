--- Take back an increment by its id, in the windows that still count it.
--
-- What may be refused is found before the first write.
-- @batch 1
-- @full runs         it takes an entry out, or changes a score
-- @include leaderboard/board
-- @include earlier
-- @include now
-- @include leaderboard/expel
-- @shared keys keys  the windows' keys, calendar ones of the periods in which it was made, at the places that the plan gives
-- @shared plan       JSON, see lua/_lib/leaderboard/board.lua; also `ids`, `idlog`, `remember`
-- @item arg id       the increment's id
-- @item arg time     when it was made, in microseconds
-- @returns integer   1 when undone, 0 when there was nothing to undo, 2 when more has to leave rolling windows: call again

local config = cjson.decode(plan)

-- Whether a window's log still has an entry.
local function logged(window, entry)
  if window.grain then
    return string.find(redis.call('HGET', window.parts, entry) or '', '^%-?%d+$') ~= nil
  end
  return redis.call('XRANGE', window.log, entry, entry)[1] ~= nil
end

local function unlog(window, entry, amount)
  if window.grain then
    redis.call('HINCRBY', window.parts, entry, -amount)
  else
    redis.call('XDEL', window.log, entry)
  end
end

local function item(id, time)
  local open = board.open(keys, config)
  local wrong = board.wrong(config, keys, open)
  if wrong then
    return wrong
  end
  local field = 'i' .. id
  local ids = keys[config.ids]
  local record = redis.call('HGET', ids, field)
  if not record or board.time_of(record) ~= tonumber(time) or now - tonumber(time) >= config.remember then
    return 0
  end
  local place, amount, entries, member = string.match(record, '^(%S+) (%S+) (%S+) (.*)$')
  local removed = member and redis.call('HGET', ids, 'x' .. member)
  removed = removed and board.time_of(removed) and removed
  if not tonumber(amount) or removed and earlier(place, removed) then
    return 0
  end
  if not expel(config, open) then
    return 2
  end
  amount = tonumber(amount)
  local next_entry = string.gmatch(entries, '[^,-]+%-%d+')
  local writes = {}
  for _, window in ipairs(open) do
    local before = tonumber(redis.call('ZSCORE', window.z, member)) or false
    local entry = window.log and next_entry()
    local counts = before
    if window.log then
      counts = entry and logged(window, entry)
    end
    if counts and amount ~= 0 then
      local score = (before and board.score(config, before) or 0) - amount
      if math.abs(score) > (config.limit or 1.7976931348623157e308) then
        return redis.error_reply('ERR the score of ' .. member .. ' without the increment would be too large')
      end
      local after = not (window.log and score == 0) and board.value(config, score, now)
      writes[#writes + 1] = { window, before, after, entry }
    end
  end
  for _, each in ipairs(writes) do
    board.write(config, each[1], member, each[2], each[3])
    if each[4] then
      unlog(each[1], each[4], amount)
      board.keep_with_log(each[1])
    end
  end
  redis.call('HSET', ids, field, place .. ' - - -')
  return 1
end
