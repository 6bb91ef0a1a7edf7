--- Find an entry of a work queue with one group, and cancel it or change its time if it is unfinished.
--
-- Invariant: an entry that was cancelled is in no place of its group, and its worker, if any, has lost its lease: whatever that worker sends is
-- refused. So of a cancel and a finish at the same moment one happens, and both callers learn which. An entry that got another time is in one
-- place of its group, and keeps its place of a key, if it has one.
-- A call reads some 2,000 members of delayed and of the queues of keys, and 256 KiB of ready and of the dead letters. The caller continues
-- at the cursor; an entry that moves meanwhile may be missed.
-- @batch 1
-- @full runs         cancelling frees memory, and moving an entry needs hardly any
-- @include now
-- @include earlier
-- @include stream/acknowledge
-- @include stream/entry
-- @include stream/groups
-- @include stream/low
-- @include stream/sortable
-- @include stream/outcomes
-- @include stream/placing
-- @include stream/started
-- @include typed
-- @shared keys held places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua), then the entries of low priority (low.lua), then the key that exists while the group is paused
-- @shared most     places of a key; 0 without order
-- @shared group    group
-- @shared channels prefix of the pub/sub channels of outcomes
-- @shared workers  pub/sub channel that the group's workers follow
-- @item key stream stream
-- @item key ready  stream of entries that the group must handle again
-- @item key delayed sorted set of its entries that wait for a time
-- @item key dead   stream of its dead letters
-- @item arg id     entry
-- @item arg action find; show: as find, and returns the payload; why: as find, and tells what may keep it from running; outcome: as find, but does not search for the dead letter if the outcome is there; cancel; or move and the new time in milliseconds since 1970, separated by a space
-- @item arg from   where to look, and the cursor there: stream 0 at first; then low, queued, delayed, ready or dead
-- @returns list    state, 1 when the action was carried out, consumer, milliseconds since its last renewal, used attempts, time, outcome, progress, 1 when its outcome is kept, when its consumer got it; with `show` also the payload; with `why` the time, milliseconds for which the group is paused (-1: without an end, -2: not), workers that sent a command lately, consumers, and of what has the place of its key: m or r (an entry), d (one that waits for a time) or x (a dead letter), its id, time, consumer and milliseconds since its last renewal; then the payload, and 1 while it waits because of its low priority; or an empty state, and `from` of the next call

local COUNT, ROUNDS, MOST_BYTES = 500, 4, 262144
-- A worker sends a command every ten seconds.
local ALIVE_MS = 30000
local NEXT = { stream = 'low', low = 'queued', queued = 'delayed', delayed = 'ready', ready = 'dead' }

local function item(stream, ready, delayed, dead, id, action, from)
  local due = string.match(action, '^move (%d+)$')
  local place, cursor = string.match(from, '^(%a+) (.+)$')
  local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset') or typed(dead, 'stream')
    or typed(held[3], 'hash') or typed(held[4], 'zset') or typed(held[5], 'zset')
  local places, of = placing(most, held[1], held[2], ready)
  wrong = wrong or of and places.wrong(of)
  if wrong then
    return wrong
  end
  local kept = outcomes.open(held[3], held[4], channels)
  local ms = math.floor(now / 1000)

  local function lease(key, position)
    local found = redis.pcall('XPENDING', key, group, position, position, 1)
    return not found.err and found[1] or nil
  end

  -- Workers that sent a command lately, and all consumers.
  local function consumers_of_group()
    local seen, alive, all = {}, 0, 0
    for _, key in ipairs({ stream, ready }) do
      local found = redis.pcall('XINFO', 'CONSUMERS', key, group)
      for _, fields in ipairs(found.err and {} or found) do
        local consumer = {}
        for at = 1, #fields, 2 do
          consumer[fields[at]] = fields[at + 1]
        end
        all = all + (seen[consumer.name] == nil and 1 or 0)
        if consumer.idle < ALIVE_MS and not seen[consumer.name] then
          alive = alive + 1
        end
        seen[consumer.name] = seen[consumer.name] or consumer.idle < ALIVE_MS
      end
    end
    return alive, all
  end

  -- What has the first place of a key: its kind, entry, time, consumer and its idle time.
  local function holder(key)
    local code, position = string.match(of and key and places.first(of, key) or '', '^(%a)(.*)$')
    if code == 'd' then
      local time, entry_id = string.match(position, '^(%d+)/(.*)$')
      return code, entry_id, time
    end
    local found = code == 'm' and { i = position } or code and entry.read_ready(code == 'x' and dead or ready, position)
    local held_by = (code == 'm' or code == 'r') and lease(code == 'm' and stream or ready, string.match(position, '^[^/]*'))
    return code, found and found.i, nil, held_by and held_by[2], held_by and held_by[3]
  end

  -- `row` is that of its lease, if any.
  local function reply(state, delivery, done, row, time)
    local outcome, progress = outcomes.read(kept, id)
    local told = {
      state,
      done and '1' or '',
      row and row[2] or '',
      tostring(row and row[3] or 0),
      tostring(delivery and delivery.a or 0),
      time and string.format('%.0f', time) or '',
      outcome or '',
      progress or '',
      delivery and outcomes.kept_ms(delivery) and '1' or '',
      row and string.format('%.0f', started.since(row, ms)) or '',
    }
    if action == 'show' then
      told[#told + 1] = delivery and delivery.d or ''
    elseif action == 'why' then
      local alive, all = consumers_of_group()
      local kind, entry_id, due_at, owner, owner_idle = holder(state == 'queued' and delivery.q)
      for _, value in ipairs({ string.format('%.0f', ms), redis.call('PTTL', held[6]), alive, all, kind or '', entry_id or '', due_at or '', owner or '', owner_idle or 0, delivery and delivery.d or '', place == 'low' and '1' or '' }) do
        told[#told + 1] = tostring(value)
      end
    end
    return told
  end

  -- What another place of the key is for, once the entry is gone from its own.
  local function cancelled(delivery, location)
    if of and delivery.k and location == 'd' then
      places.leave_delayed(of, delivery)
    elseif of and delivery.k then
      places.leave(of, delivery.k, location, 1)
    end
    outcomes.keep(kept, delivery, 'c')
  end

  -- Moves it to the time `due`.
  local function move(delivery, location)
    if tonumber(due) <= ms then
      if not of or not (delivery.k or delivery.q) then
        entry.put_ready(ready, delivery)
      elseif delivery.q then
        places.enter(of, delivery.q, delivery)
      elseif location == 'd' then
        places.due(of, delivery)
      else
        places.move(of, delivery.k, location, 'r' .. entry.put_ready(ready, delivery))
      end
    else
      entry.put_delayed(delayed, delivery, due)
      if of and delivery.k then
        location = location == 'd' and places.delayed_location(of, delivery) or location
        places.move(of, delivery.k, location, places.later(due, delivery.i))
      end
    end
    -- Its workers check when the next entry is due.
    redis.pcall('SPUBLISH', workers, '')
  end

  -- `remove` takes it out of its place.
  local function act(state, delivery, location, remove, time)
    local acts = action == 'cancel' or due
    if acts then
      remove()
    end
    if action == 'cancel' then
      cancelled(delivery, location)
    elseif due then
      move(delivery, location)
      time = tonumber(due)
    end
    return reply(state, delivery, acts, nil, time)
  end

  local function running(key, position, delivery, held_by)
    local code = key == ready and 'r' or 'm'
    if action == 'cancel' then
      cancelled(delivery, code .. position)
      local left = position
      if of and delivery.k then
        left = places.left(of, delivery.k, position)
      end
      if left then
        acknowledge(key, group, group, { left })
      end
      redis.pcall('SPUBLISH', workers, 'x' .. code .. position)
    end
    return reply('running', delivery, action == 'cancel', held_by)
  end

  local function in_stream()
    local delivery = entry.read(stream, id)
    if not delivery then
      return
    end
    local held_by = lease(stream, id)
    -- One with a time of its own has no handler here: its worker is about to move it to delayed.
    if held_by and not delivery.n then
      return running(stream, id, delivery, held_by)
    end
    for _, each in ipairs(held_by and {} or groups(stream)) do
      if each.name == group and not earlier(each['last-delivered-id'], id) then
        return
      end
    end
    local later = delivery.n and delivery.n > ms
    return act(later and 'delayed' or 'waiting', delivery, 'm' .. id, function()
      if held_by then
        acknowledge(stream, group, group, { id })
      else
        redis.call('XDEL', stream, id)
      end
    end, delivery.n)
  end

  -- `match` finds the members of a sorted set that may be it; `read` is nil for another entry.
  local function scan(key, match, read)
    for _ = 1, ROUNDS do
      local page = redis.call('ZSCAN', key, cursor, 'MATCH', match, 'COUNT', COUNT)
      for at = 1, #page[2], 2 do
        local delivery = read(page[2][at])
        if delivery and delivery.i == id then
          return delivery, page[2][at], tonumber(page[2][at + 1])
        end
      end
      cursor = page[1]
      if cursor == '0' then
        return
      end
    end
  end

  local function in_low()
    cursor = '0'
    local delivery, member = low.find(held[5], id)
    return delivery and act('waiting', delivery, nil, function()
      redis.call('ZREM', held[5], member)
    end)
  end

  local function in_queue()
    if not of then
      cursor = '0'
      return
    end
    local delivery, member = scan(held[2], places.queued_match(id), places.queued_entry)
    if not delivery then
      return
    end
    delivery.q = string.match(member, '^[^%z]+')
    return act('queued', delivery, nil, function()
      redis.call('ZREM', held[2], member)
    end)
  end

  local function in_delayed()
    local delivery, member, time = scan(delayed, '?' .. cmsgpack.pack(id) .. '*', entry.unpacked)
    return delivery
      and act(delivery.a > 0 and 'retrying' or 'delayed', delivery, 'd', function()
        redis.call('ZREM', delayed, member)
      end, time)
  end

  local wanted = '\0' .. sortable(id) .. '\0'

  -- The position of the entry in ready or among the dead letters. One of a run that was handled is not there any more.
  local function find_in(key)
    local first, bytes = cursor == '0' and '-' or cursor, 0
    for _ = 1, 2000 do
      local page = redis.call('XRANGE', key, first, '+', 'COUNT', 4)
      for _, found in ipairs(page) do
        for at = 1, #found[2], 2 do
          if found[2][at] == 'i' and found[2][at + 1] == id then
            return found[1]
          elseif of and key == ready and found[2][at] == 'm' and string.find(found[2][at + 1], wanted, 1, true) then
            local position = found[1] .. '/' .. (at - 1) / 2
            if places.is_in(places.get(of, found[2][2]), 'r' .. position) then
              return position
            end
          end
          bytes = bytes + #found[2][at + 1]
        end
      end
      first = page[4] and '(' .. page[4][1]
      if not first or bytes > MOST_BYTES then
        break
      end
    end
    cursor = first or '0'
  end

  local function in_ready()
    local position = find_in(ready)
    if not position then
      return
    end
    local delivery = entry.read_ready(ready, position)
    local base = string.match(position, '^[^/]*')
    local held_by = lease(ready, base)
    if held_by then
      return running(ready, position, delivery, held_by)
    end
    if base ~= position and (action == 'cancel' or due) then
      places.dissolve(of, base)
      local key = places.key_of(delivery.k)
      if places.is_queued(of, key, id) then
        delivery.q, delivery.k = key, nil
        return act('waiting', delivery, nil, function()
          places.unqueue(of, key, delivery)
        end)
      end
      position = string.sub(places.first(of, delivery.k), 2)
    end
    return act('waiting', delivery, 'r' .. position, function()
      redis.call('XDEL', ready, position)
    end)
  end

  local function in_dead()
    local position = find_in(dead)
    return position and reply('dead', entry.read_ready(dead, position))
  end

  local look = { stream = in_stream, low = in_low, queued = in_queue, delayed = in_delayed, ready = in_ready, dead = in_dead }
  local outcome = outcomes.read(kept, id)
  if outcome then
    local first = string.sub(outcome, 1, 1)
    if first ~= 'x' or action == 'outcome' then
      return reply(first == 'd' and 'done' or first == 'c' and 'cancelled' or 'dead', nil)
    end
    -- Its dead letter has its attempts, and may have been purged.
    place, cursor = 'dead', place == 'dead' and cursor or '0'
  end
  -- Usually one call searches everywhere.
  for _ = 1, 6 do
    local found = look[place]()
    if found then
      return found
    elseif place ~= 'stream' and cursor ~= '0' then
      return { '', place .. ' ' .. cursor }
    end
    place, cursor = NEXT[place], '0'
    if not place then
      break
    end
  end
  return reply('gone', nil)
end
