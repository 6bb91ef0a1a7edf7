-- `scoring`: changes scores in every window of a board, in two phases.
--
-- - `scoring.open(keys, plan)` returns the board. `plan` is JSON, see lua/_lib/leaderboard/board.lua; also `keep`, `data`, `ids`,
--   `idlog`, `dedup` and `events`.
-- - `scoring.prepare(of, changes, brief)` returns a plan for the changes, each [i, s or b (increment, set, best), member, amount,
--   id]. Or 0 when more entries have expired: call again. Or Redis' time, when it is outside of the periods that the client sent.
--   Or an error. It first removes at most 32 expired entries, so that no reply is stale. `brief`: the caller needs only the
--   value in the first window.
-- - `scoring.apply(of, plan, watch, wants_events)` makes the changes, and returns the reply of lua/leaderboard/update.lua.
--
-- A plan depends on the stored data: apply it before the next one is prepared.
-- @include leaderboard/board
-- @include leaderboard/period_ttl
-- @include leaderboard/remove_expired
-- @include leaderboard/delete_old_ids
-- @include leaderboard/tell_change
-- @include now
-- @include typed
local scoring = { open = nil, prepare = nil, apply = nil }

-- A smaller number added to any finite double gives a finite double.
local HARMLESS = 2 ^ 970
local LARGEST = 1.7976931348623157e308

-- The sort value after a change; `value` and the result are false for none. Nil when the score would be out of range.
local function moved(config, window, value, kind, amount)
  local score = value and board.score(config, value)
  local new = amount
  if kind == 'i' then
    new = (score or 0) + amount
  elseif kind == 'b' and score and (score == amount or (score < amount) ~= (config.reverse == true)) then
    new = score
  end
  if math.abs(new) > (config.limit or LARGEST) then
    return nil
  end
  if window.log and new == 0 then
    return false
  end
  return new == score and value or board.value(config, new, now)
end

-- Whether an id is stored and has not expired.
local function is_stored(of, id)
  local record = redis.call('HGET', of.keys[of.config.ids], 'i' .. id)
  local time = record and board.time_of(record)
  return time and now - time < of.config.dedup
end

-- The plan of several changes in order: sort values `before` and `after` by window and change, false for none. `counts` has
-- which changes have an effect, since an id counts once. Nil, and the member, when a score would be out of range. Each window is
-- read once.
local function plan_of(of, changes)
  local made = { changes = changes, before = {}, after = {}, counts = {} }
  local members, seen = {}, {}
  for nth, change in ipairs(changes) do
    local id = change[4]
    members[nth] = change[2]
    made.counts[nth] = not (id and (seen[id] or is_stored(of, id)))
    seen[id or ''] = id
  end
  for at, window in ipairs(of.windows) do
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
        value = moved(of.config, window, value, change[1], change[3])
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

-- Sets the TTL of a window's keys: of a calendar period until it need not be readable any more, of a rolling window until an
-- hour after its last entry expires. Once in a batch, when the keys exist.
local function set_ttl(of, window)
  local has_ttl = of.has_ttl
  if has_ttl[window] or not (window.lives or window.log) then
    return
  end
  if window.lives then
    has_ttl[window] = period_ttl(window)
    return
  end
  local left = redis.call('PTTL', window.z)
  has_ttl[window] = left ~= -2
  local last = math.ceil(window.last / 1000)
  if left < last + 1800000 then
    for _, key in ipairs({ window.z, window.log, window.gone, window.parts or window.log, window.d or window.log }) do
      redis.call('PEXPIRE', key, last + 3600000)
    end
  end
end

-- Adds an amount to a rolling window's log, and returns the entry's id.
local function log(of, window, member, amount)
  amount = board.text(of.config, amount)
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
    -- Another program wrote text that is not a number.
    redis.call('HSET', window.parts, id, amount)
  end
  return id
end

-- Stores the record of an increment under its id.
local function store_id(of, id, member, amount, entries)
  local config = of.config
  local ids, idlog = of.keys[config.ids], of.keys[config.idlog]
  delete_old_ids(ids, idlog, config.dedup)
  local place = board.append(idlog, 'f', 'i' .. id)
  local record = string.format('%s %.17g %s %s', place, amount, #entries > 0 and table.concat(entries, ',') or '-', member)
  redis.call('HSET', ids, 'i' .. id, record)
  if not of.has_ttl.ids then
    of.has_ttl.ids = true
    local life = math.ceil(config.dedup / 1000)
    if redis.call('PTTL', ids) < life + 1800000 or redis.call('PTTL', idlog) < 0 then
      redis.call('PEXPIRE', ids, life + 3600000)
      redis.call('PEXPIRE', idlog, life + 3600000)
    end
  end
end

-- Drops the worst members of a board with `keep`, at most 64, and the data of those that are in no other window. Returns the
-- best of them.
local function trim(of, window)
  local config = of.config
  local over = redis.call('ZCARD', window.z) - config.keep
  if over <= 0 then
    return
  end
  over = math.min(over, 64)
  local dropped = config.reverse and redis.call('ZPOPMIN', window.z, over) or redis.call('ZPOPMAX', window.z, over)
  for at = 1, #dropped, 2 do
    if window.d then
      board.differ(config, window, tonumber(dropped[at + 1]), false)
    end
    local there = false
    for _, other in ipairs(of.windows) do
      there = there or redis.call('ZSCORE', other.z, dropped[at])
    end
    if not there then
      redis.call('HDEL', of.keys[config.data], dropped[at])
    end
  end
  return dropped[#dropped - 1]
end

-- Makes the planned changes from `first` to `last`. Returns the best member that each window dropped, by the window's number.
local function write(of, planned, first, last)
  local config, changes, dropped = of.config, planned.changes, {}
  for at, window in ipairs(of.windows) do
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
        -- It may have been the last member: the next change creates the set again, without a TTL.
        of.has_ttl[window] = nil
      end
    end
  end
  for nth = first, last do
    if planned.counts[nth] then
      local change, entries = changes[nth], {}
      local member, amount, id = change[2], change[3], change[4]
      for _, window in ipairs(of.windows) do
        if window.log and amount ~= 0 then
          entries[#entries + 1] = log(of, window, member, amount)
        end
      end
      if id then
        store_id(of, id, member, amount, entries)
      end
    end
  end
  for at, window in ipairs(of.windows) do
    set_ttl(of, window)
    if config.keep then
      dropped[at] = trim(of, window)
    end
  end
  return dropped
end

-- A change's sort value in the first window, as text; empty where there is none.
local function value_text(of, value)
  return value and board.text(of.config, value) or ''
end

-- The plan of a single change whose value alone is needed, without lists: `before` and `after` by window. Nil, and the member,
-- when a score would be out of range.
local function plan_alone(of, changes)
  local kind, member, amount, id = changes[1][1], changes[1][2], changes[1][3], changes[1][4]
  local again = id and is_stored(of, id)
  local before, after = {}, {}
  for at, window in ipairs(of.windows) do
    local value = tonumber(redis.call('ZSCORE', window.z, member)) or false
    before[at] = value
    if not again then
      value = moved(of.config, window, value, kind, amount)
      if value == nil then
        return nil, member
      end
    end
    after[at] = value
  end
  return { changes = changes, alone = true, again = again, before = before, after = after }
end

local function apply_alone(of, plan)
  local change, config, entries = plan.changes[1], of.config, {}
  local member, amount, id = change[2], change[3], change[4]
  local before, after = plan.before, plan.after
  for at, window in ipairs(plan.again and {} or of.windows) do
    if before[at] ~= after[at] then
      board.write(config, window, member, before[at], after[at])
    end
    if not after[at] then
      of.has_ttl[window] = nil
    end
    if window.log and amount ~= 0 then
      entries[#entries + 1] = log(of, window, member, amount)
    end
    set_ttl(of, window)
    if config.keep then
      trim(of, window)
    end
  end
  if id and not plan.again then
    store_id(of, id, member, amount, entries)
  end
  return value_text(of, after[1])
end

-- The overtaken members, and those that entered and left the best `top`; the board dropped `dropped`.
local function events(of, member, from, to, dropped)
  local about = of.config.events
  local window = of.windows[about.window]
  local passed = {}
  if to and about.overtaken > 0 and (not from or to < from) then
    -- Members that were better than this one, and are worse now.
    local last = to + about.overtaken
    if from then
      last = math.min(last, from)
    end
    passed = board.members(of.config, window.z, to + 1, last)
  end
  local entered, left = false, false
  local top = about.top
  if top > 0 then
    local was, is = from and from < top, to and to < top
    if is and not was then
      entered = member
      left = board.members(of.config, window.z, top, top)[1] or dropped or false
    elseif was and not is then
      left = member
      entered = board.members(of.config, window.z, top - 1, top - 1)[1] or false
    end
  end
  return { from, to, entered, left, passed }
end

-- Makes a planned change, and returns its part of the reply.
local function change_and_reply(of, plan, nth, watch, wants_events)
  local config, change = of.config, plan.changes[nth]
  local kind, member = change[1], change[2]
  local watched, ranked = of.windows[watch], wants_events and of.windows[config.events.window]
  local from = watched and board.position(config, watched.z, member)
  local ranked_from = ranked and board.position(config, ranked.z, member)
  local dropped = plan.counts[nth] and write(of, plan, nth, nth) or {}
  local reply = { value_text(of, plan.after[1][nth]), false, false }
  if watched then
    local before = plan.before[watch][nth]
    local to = board.position(config, watched.z, member)
    local after = to and redis.call('ZSCORE', watched.z, member)
    local applied = plan.counts[nth] and (kind ~= 'b' or before ~= plan.after[watch][nth])
    reply[2] = { applied and 1 or 0, before and board.text(config, before), after, from, to }
  end
  if ranked then
    reply[3] = events(of, member, ranked_from, board.position(config, ranked.z, member), dropped[config.events.window])
  end
  return reply
end

function scoring.open(keys, plan)
  return { keys = keys, config = cjson.decode(plan), windows = nil, current = nil, plain = nil, has_ttl = {} }
end

function scoring.prepare(of, changes, brief)
  local config, keys = of.config, of.keys
  if of.current == nil then
    of.windows = board.open(keys, config)
    if not of.windows then
      return now
    end
    local wrong = board.wrong(config, keys, of.windows) or config.keep and typed(keys[config.data], 'hash')
    if wrong then
      return wrong
    end
    -- The more changes follow, the fewer entries may be removed in the same call.
    of.current = remove_expired(config, of.windows, math.max(16, 64 - #changes * #of.windows))
    of.plain = not (config.shift or config.limit or config.keep or of.windows[1].d)
  end
  if not of.current then
    return 0
  end
  if config.shift and (now < config.since or now > config.ending) then
    return redis.error_reply('ERR the time is outside of the range of this board\'s ties (since, until)')
  end
  local plan, member
  if brief and #changes == 1 then
    local change = changes[1]
    -- An increment on a board that is only sorted sets of plain scores needs no read.
    if of.plain and change[1] == 'i' and not change[4] and math.abs(change[3]) < HARMLESS then
      return change
    end
    plan, member = plan_alone(of, changes)
  else
    plan, member = plan_of(of, changes)
  end
  return plan or redis.error_reply('ERR the new score of ' .. member .. ' would be too large')
end

-- Makes an increment that needs no plan.
local function add(of, member, amount)
  local windows, first = of.windows, nil
  for at = 1, #windows do
    local window = windows[at]
    local value = redis.call('ZINCRBY', window.z, amount, member)
    if window.lives or window.log then
      set_ttl(of, window)
    end
    first = first or value
  end
  return first
end

function scoring.apply(of, plan, watch, wants_events)
  tell_change(of.config)
  local changes = plan.changes
  if not changes then
    return add(of, plan[2], plan[3])
  end
  if plan.alone then
    return apply_alone(of, plan)
  end
  local replies = {}
  if watch == 0 and not wants_events and not of.config.keep then
    write(of, plan, 1, #changes)
    for nth = 1, #changes do
      replies[nth] = value_text(of, plan.after[1][nth])
    end
    return table.concat(replies, '\n')
  end
  for nth, change in ipairs(changes) do
    if of.config.keep then
      -- Planned again, because an earlier change may have dropped the member.
      replies[nth] = change_and_reply(of, plan_of(of, { change }), 1, watch, wants_events)
    else
      replies[nth] = change_and_reply(of, plan, nth, watch, wants_events)
    end
  end
  return replies
end
