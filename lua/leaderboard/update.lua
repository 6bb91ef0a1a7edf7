--- Update members in every window of a board: all changes of an item, or none.
--
-- What may be refused is found before the first write. At most 32 entries are taken out of rolling windows first; when
-- more have to leave nothing else is done, so that no answer is stale, nor when many changes would follow on many entries.
-- @batch 32
-- @full refused      it may add members and entries
-- @include leaderboard/board
-- @include leaderboard/forget
-- @include now
-- @include leaderboard/expel
-- @include typed
-- @shared keys keys  sorted sets and logs, at the places that the plan gives
-- @shared plan       JSON, see lua/_lib/leaderboard/board.lua; also `keep`, `data`, `ids`, `idlog`, `remember`, `events`
-- @item arg changes  JSON: a list of [i, s or b (increment, set, best), member, amount, id]
-- @item arg watch    number of the window whose change is wanted, or 0
-- @item arg tell     1 when changes of rank are wanted, as the plan's `events` says
-- @returns integer|string|list 0: call again, more had to leave; more: the time, other periods are needed; text: the sort value in the first window after each change, a line each; else for each change that value, the change and the events

-- Less than this, added to any finite double, gives a finite double.
local HARMLESS = 2 ^ 970
local LARGEST = 1.7976931348623157e308

local config = cjson.decode(plan)
local most = config.limit or LARGEST
local quick = not (config.shift or config.limit or config.keep)
local open, settled
local touched = {}

local function too_large(member)
  return redis.error_reply('ERR the new score of ' .. member .. ' would be too large')
end

-- The score that a change makes of a score, which is false for none.
local function changed(kind, score, amount)
  if kind == 'i' then
    return (score or 0) + amount
  end
  if kind == 'b' and score and score <= amount then
    return score
  end
  return amount
end

-- The sort value that a change makes of one, each false for none; nil when it goes too far.
local function moved(window, value, kind, amount)
  local score = value and board.score(config, value)
  local new = changed(kind, score, amount)
  if math.abs(new) > most then
    return nil
  end
  if window.log and new == 0 then
    return false
  end
  return new == score and value or board.value(config, new, now)
end

-- Whether an id is still remembered.
local function recorded(id)
  local record = redis.call('HGET', keys[config.ids], 'i' .. id)
  local time = record and board.time_of(record)
  return time and now - time < config.remember
end

-- What changes, as they follow each other, make of the sort values: `before` and `after` by window and change, false for
-- none. `counts` says which changes do anything: an id counts once. Nil, and the member, when one goes too far. Each window
-- is read once.
local function plan_of(changes)
  local made = { before = {}, after = {}, counts = {} }
  local members, seen = {}, {}
  for nth, change in ipairs(changes) do
    local id = change[4]
    members[nth] = change[2]
    made.counts[nth] = not (id and (seen[id] or recorded(id)))
    seen[id or ''] = id
  end
  for at, window in ipairs(open) do
    local values = redis.call('ZMSCORE', window.z, unpack(members))
    local before, after, last = {}, {}, {}
    for nth, change in ipairs(changes) do
      local member = change[2]
      local value = last[member]
      if value == nil then
        value = tonumber(values[nth]) or false
      end
      before[nth] = value
      if made.counts[nth] then
        value = moved(window, value, change[1], change[3])
        if value == nil then
          return nil, member
        end
      end
      after[nth] = value
      last[member] = value
    end
    made.before[at], made.after[at] = before, after
  end
  return made
end

-- Lets a window's keys expire: a calendar period's when it is no more wanted, a rolling window's an hour after all of
-- it left. Once for a batch, when they are there.
local function touch(window)
  if touched[window] or not (window.lives or window.log) then
    return
  end
  local left = redis.call('PTTL', window.z)
  touched[window] = left ~= -2
  if window.lives then
    if left == -1 then
      local life = math.ceil((window.lives - now) / 1000)
      redis.call('PEXPIRE', window.z, life)
      if window.d then
        redis.call('PEXPIRE', window.d, life)
      end
    end
  else
    local last = math.ceil(window.last / 1000)
    if left < last + 1800000 then
      for _, key in ipairs({ window.z, window.log, window.gone, window.parts or window.log, window.d or window.log }) do
        redis.call('PEXPIRE', key, last + 3600000)
      end
    end
  end
end

-- Puts an amount on a rolling window's log; gives the entry's id.
local function log(window, member, amount)
  amount = board.text(config, amount)
  if not window.grain then
    return board.append(window.log, 'm', member, 'b', amount)
  end
  local id = redis.call('HGET', window.parts, '=' .. member)
  local time = id and board.time_of(id)
  if not time or now - time >= window.grain then
    id = board.append(window.log, 'm', member, 'b', '+')
    redis.call('HSET', window.parts, '=' .. member, id)
  end
  if type(redis.pcall('HINCRBY', window.parts, id, amount)) == 'table' then
    -- A foreign program put no number there.
    redis.call('HSET', window.parts, id, amount)
  end
  return id
end

-- Remembers an increment by its id.
local function remember(id, member, amount, entries)
  local ids, idlog = keys[config.ids], keys[config.idlog]
  forget(ids, idlog, config.remember)
  local place = board.append(idlog, 'f', 'i' .. id)
  local record = string.format('%s %.17g %s %s', place, amount, #entries > 0 and table.concat(entries, ',') or '-', member)
  redis.call('HSET', ids, 'i' .. id, record)
  if not touched.ids then
    touched.ids = true
    local life = math.ceil(config.remember / 1000)
    if redis.call('PTTL', ids) < life + 1800000 or redis.call('PTTL', idlog) < 0 then
      redis.call('PEXPIRE', ids, life + 3600000)
      redis.call('PEXPIRE', idlog, life + 3600000)
    end
  end
end

-- Takes the worst off a bounded board, at most 64; a member that is on none of the windows loses its data. Gives the
-- best of them.
local function trim(window)
  local over = redis.call('ZCARD', window.z) - config.keep
  if over <= 0 then
    return
  end
  local fallen = redis.call('ZPOPMAX', window.z, math.min(over, 64))
  for at = 1, #fallen, 2 do
    if window.d then
      board.differ(config, window, tonumber(fallen[at + 1]), false)
    end
    local there = false
    for _, other in ipairs(open) do
      there = there or redis.call('ZSCORE', other.z, fallen[at])
    end
    if not there then
      redis.call('HDEL', keys[config.data], fallen[at])
    end
  end
  return fallen[#fallen - 1]
end

-- Makes the planned changes from `first` to `last`; gives the members that fell off bounded windows, by the window's
-- number.
local function write(changes, planned, first, last)
  local fallen = {}
  for at, window in ipairs(open) do
    local before, after = planned.before[at], planned.after[at]
    if first == last then
      if before[first] ~= after[first] then
        board.write(config, window, changes[first][2], before[first], after[first])
      end
    else
      local was, is = {}, {}
      for nth = first, last do
        local member = changes[nth][2]
        if was[member] == nil then
          was[member] = before[nth]
        end
        is[member] = after[nth]
      end
      board.write_all(config, window, was, is)
    end
    for nth = first, last do
      if not after[nth] then
        -- It may have been the last one, and the next one makes the set anew.
        touched[window] = nil
      end
    end
  end
  for nth = first, last do
    if planned.counts[nth] then
      local change, entries = changes[nth], {}
      local member, amount, id = change[2], change[3], change[4]
      for _, window in ipairs(open) do
        if window.log and amount ~= 0 then
          entries[#entries + 1] = log(window, member, amount)
        end
      end
      if id then
        remember(id, member, amount, entries)
      end
    end
  end
  for at, window in ipairs(open) do
    touch(window)
    if config.keep then
      fallen[at] = trim(window)
    end
  end
  return fallen
end

-- A change's sort value in the first window, as it is told.
local function told_value(planned, nth)
  local value = planned.after[1][nth]
  return value and board.text(config, value) or ''
end

-- Makes the one change of an item of which only the value is told, without the lists of a plan; nil when it goes too far.
local function alone(kind, member, amount, id)
  local again = id and recorded(id)
  local before, after, entries = {}, {}, {}
  for at, window in ipairs(open) do
    local value = tonumber(redis.call('ZSCORE', window.z, member)) or false
    before[at] = value
    if not again then
      value = moved(window, value, kind, amount)
      if value == nil then
        return nil
      end
    end
    after[at] = value
  end
  for at, window in ipairs(again and {} or open) do
    if before[at] ~= after[at] then
      board.write(config, window, member, before[at], after[at])
    end
    if not after[at] then
      touched[window] = nil
    end
    if window.log and amount ~= 0 then
      entries[#entries + 1] = log(window, member, amount)
    end
    touch(window)
    if config.keep then
      trim(window)
    end
  end
  if id and not again then
    remember(id, member, amount, entries)
  end
  return after[1] and board.text(config, after[1]) or ''
end

local function rank_in(window, member)
  return redis.call('ZRANK', window.z, member)
end

-- Who was passed, and who entered and left the best; `fallen` fell off the board.
local function events(member, from, to, fallen)
  local about, window = config.events, open[config.events.window]
  local passed = {}
  if to and about.overtaken > 0 and (not from or to < from) then
    -- Those behind the member now that were before it.
    local last = to + about.overtaken
    if from then
      last = math.min(last, from)
    end
    passed = redis.call('ZRANGE', window.z, to + 1, last)
  end
  local entered, left = false, false
  local top = about.top
  if top > 0 then
    local was, is = from and from < top, to and to < top
    if is and not was then
      entered = member
      left = redis.call('ZRANGE', window.z, top, top)[1] or fallen or false
    elseif was and not is then
      left = member
      entered = redis.call('ZRANGE', window.z, top - 1, top - 1)[1] or false
    end
  end
  return { from, to, entered, left, passed }
end

-- Makes a planned change and tells what it did.
local function apply(changes, planned, nth, watch, tell)
  local kind, member = changes[nth][1], changes[nth][2]
  local watched, told = open[watch], tell and open[config.events.window]
  local from = watched and rank_in(watched, member)
  local told_from = told and rank_in(told, member)
  local fallen = planned.counts[nth] and write(changes, planned, nth, nth) or {}
  local reply = { told_value(planned, nth), false, false }
  if watched then
    local before = planned.before[watch][nth]
    local to = rank_in(watched, member)
    local after = to and redis.call('ZSCORE', watched.z, member)
    local applied = planned.counts[nth] and (kind ~= 'b' or before ~= planned.after[watch][nth])
    reply[2] = { applied and 1 or 0, before and board.text(config, before), after, from, to }
  end
  if told then
    reply[3] = events(member, told_from, rank_in(told, member), fallen[config.events.window])
  end
  return reply
end

-- How many entries may leave rolling windows in the call that makes so many changes.
local function entries_beside(changes)
  return math.max(16, 64 - changes * #open)
end

local function item(changes, watch, tell)
  changes = cjson.decode(changes)
  if settled == nil then
    open = board.open(keys, config)
    if not open then
      return now
    end
    local wrong = board.wrong(config, keys, open) or config.keep and typed(keys[config.data], 'hash')
    if wrong then
      return wrong
    end
    settled = expel(config, open, entries_beside(#changes))
  end
  if not settled then
    return 0
  end
  if config.shift and (now < config.since or now > config.ending) then
    return redis.error_reply('ERR the time is outside of what the ties of this board can tell')
  end
  local first = changes[1]
  if #changes == 1 and watch == '0' and tell == '0' then
    if quick and first[1] == 'i' and not first[4] and math.abs(first[3]) < HARMLESS and not open[1].d then
      local reply
      for at, window in ipairs(open) do
        local value = redis.call('ZINCRBY', window.z, first[3], first[2])
        touch(window)
        reply = reply or value
      end
      return reply
    end
    return alone(first[1], first[2], first[3], first[4]) or too_large(first[2])
  end
  local planned, member = plan_of(changes)
  if not planned then
    return too_large(member)
  end
  local replies = {}
  if watch == '0' and tell == '0' and not config.keep then
    write(changes, planned, 1, #changes)
    for nth = 1, #changes do
      replies[nth] = told_value(planned, nth)
    end
    return table.concat(replies, '\n')
  end
  for nth, change in ipairs(changes) do
    if config.keep then
      -- What fell off meanwhile is not there any more.
      replies[nth] = apply({ change }, plan_of({ change }), 1, tonumber(watch), tell == '1')
    else
      replies[nth] = apply(changes, planned, nth, tonumber(watch), tell == '1')
    end
  end
  return replies
end
