"""The device: conversion, the emulator and its report."""
