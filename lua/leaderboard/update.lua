--- Update members in every window of a board: all changes of an item, or none.
--
-- What may be refused is found before the first write. At most 64 entries are taken out of rolling windows first; when
-- more have to leave nothing else is done, so that no answer is stale.
-- @batch 32
-- @include board
-- @include forget
-- @include now
-- @include settle
-- @shared keys keys  sorted sets and logs, at the places that the plan gives
-- @shared plan       JSON, see lua/_lib/board.lua; also `keep`, `data`, `ids`, `idlog`, `remember`, `events`
-- @item arg changes  JSON: a list of [i, s or b (increment, set, best), member, amount, id]
-- @item arg watch    number of the window whose change is wanted, or 0
-- @item arg tell     1 when changes of rank are wanted, as the plan's `events` says
-- @returns integer|string|list 0: call again, more had to leave; more: the time, other periods are needed; text: the sort value in the first window, of one change; else for each change that value, the change and the events

-- Less than this, added to any finite double, gives a finite double.
local HARMLESS = 2 ^ 970

local config = cjson.decode(plan)
local quick = not (config.shift or config.limit or config.keep)
local open, settled
local touched = {}

local function too_large()
  return redis.error_reply('ERR the new score would be too large')
end

local function beyond(score)
  if config.limit then
    return math.abs(score) > config.limit
  end
  return math.abs(score) == math.huge
end

local function value_in(window, member)
  return tonumber(redis.call('ZSCORE', window.z, member)) or false
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

-- The record of an id that is still remembered.
local function recorded(id)
  local record = redis.call('HGET', keys[config.ids], 'i' .. id)
  return record and now - board.time_of(record) < config.remember and record
end

-- Whether some increment of several would go too far, as they follow each other.
local function refused(changes)
  local scores, seen = {}, {}
  for at = 1, #open do
    scores[at] = {}
  end
  for _, change in ipairs(changes) do
    local kind, member, amount, id = change[1], change[2], change[3], change[4]
    if not (id and (seen[id] or recorded(id))) then
      seen[id or ''] = id
      for at, window in ipairs(open) do
        local score = scores[at][member]
        if score == nil then
          local value = value_in(window, member)
          score = value and board.score(config, value)
        end
        scores[at][member] = changed(kind, score, amount)
        if beyond(scores[at][member]) then
          return true
        end
      end
    end
  end
  return false
end

-- The sort values before and after a change in each window; nil when one goes too far.
local function moves_of(kind, member, amount)
  local moves = {}
  for at, window in ipairs(open) do
    local before = value_in(window, member)
    local score = before and board.score(config, before)
    local new = changed(kind, score, amount)
    if beyond(new) then
      return nil
    end
    local after = before
    if window.log and new == 0 then
      after = false
    elseif new ~= score then
      after = board.value(config, new, now)
    end
    moves[at] = { before, after }
  end
  return moves
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
  if not id or now - board.time_of(id) >= window.grain then
    id = board.append(window.log, 'm', member, 'b', '+')
    redis.call('HSET', window.parts, '=' .. member, id)
  end
  redis.call('HINCRBY', window.parts, id, amount)
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

-- Gives the members that fell off bounded windows, by the window's number.
local function write(member, moves, amount, id)
  local entries, fallen = {}, {}
  for at, window in ipairs(open) do
    local before, after = moves[at][1], moves[at][2]
    if before ~= after then
      board.write(config, window, member, before, after)
    end
    if not after then
      -- It may have been the last one, and the next one makes the set anew.
      touched[window] = nil
    end
    if window.log and amount ~= 0 then
      entries[#entries + 1] = log(window, member, amount)
    end
    touch(window)
    if config.keep then
      fallen[at] = trim(window)
    end
  end
  if id then
    remember(id, member, amount, entries)
  end
  return fallen
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

-- Makes a change; nil when it goes too far.
local function apply(change, watch, tell)
  local kind, member, amount, id = change[1], change[2], change[3], change[4]
  local seen = id and recorded(id)
  local moves = not seen and moves_of(kind, member, amount)
  if moves == nil then
    return nil
  end
  local watched, told = open[watch], tell and open[config.events.window]
  local from = watched and rank_in(watched, member)
  local told_from = told and rank_in(told, member)
  local fallen = moves and write(member, moves, amount, id) or {}
  local value = moves and moves[1][2] or value_in(open[1], member)
  local reply = { value and board.text(config, value) or '', false, false }
  if watched then
    local before
    if moves then
      before = moves[watch][1]
    else
      before = value_in(watched, member)
    end
    local to = rank_in(watched, member)
    local after = to and redis.call('ZSCORE', watched.z, member)
    local applied = moves and (kind ~= 'b' or moves[watch][1] ~= moves[watch][2])
    reply[2] = { applied and 1 or 0, before and board.text(config, before), after, from, to }
  end
  if told then
    reply[3] = events(member, told_from, rank_in(told, member), fallen[config.events.window])
  end
  return reply
end

-- Fails when a key is of another type, before anything is written.
local function check_types()
  for _, window in ipairs(open or {}) do
    redis.call('ZCARD', window.z)
    if window.d then
      redis.call('ZCARD', window.d)
    end
    if window.log then
      redis.call('XLEN', window.log)
      redis.call('HLEN', window.gone)
      if window.parts then
        redis.call('HLEN', window.parts)
      end
    end
  end
  if config.ids then
    redis.call('HLEN', keys[config.ids])
    redis.call('XLEN', keys[config.idlog])
  end
end

local function item(changes, watch, tell)
  if settled == nil then
    open = board.open(keys, config)
    check_types()
    settled = open and settle(config, open)
  end
  if not open then
    return now
  end
  if not settled then
    return 0
  end
  if config.shift and (now < config.since or now > config.ending) then
    return redis.error_reply('ERR the time is outside of what the ties of this board can tell')
  end
  changes = cjson.decode(changes)
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
    local reply = apply(first, 0, false)
    return reply and reply[1] or too_large()
  end
  if #changes > 1 and refused(changes) then
    return too_large()
  end
  local replies = {}
  for at, change in ipairs(changes) do
    replies[at] = apply(change, tonumber(watch), tell == '1')
    if not replies[at] then
      return too_large()
    end
  end
  return replies
end
